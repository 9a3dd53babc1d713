-- The table of enterprises, where it is ours. The first five columns are those that the office API has always read;
-- all others may be empty, and the configuration's values are taken then.
CREATE TABLE enterprises (
    number text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    ip text NOT NULL,
    secret text NOT NULL UNIQUE,
    active boolean NOT NULL DEFAULT true,
    way text,
    context text,
    technology text,
    ssh_port integer,
    ssh_user text,
    ssh_password text,
    ami_port integer,
    ami_user text,
    ami_password text,
    ari_port integer,
    ari_user text,
    ari_password text,
    extensions text,
    rate_limit integer
);
