//! The ways to a host, as a configuration sets them up.

/// How the bot speaks to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// SSH, commands by the console's socket.
    Socket,
    /// SSH, a process for each command.
    Exec,
    Ami,
    Ari,
    /// Everything is set up.
    Auto,
}

impl Way {
    /// `office.way`
    pub fn setting(self) -> &'static str {
        match self {
            Way::Socket | Way::Exec => "ssh",
            Way::Ami => "ami",
            Way::Ari => "ari",
            Way::Auto => "auto",
        }
    }

    /// What the record of a call says.
    pub fn taken(self) -> &'static str {
        if self == Way::Auto { "ari" } else { self.setting() }
    }

    /// Everything that happens is told, so that ends have their reasons.
    pub fn tells_all(self) -> bool {
        !matches!(self, Way::Socket | Way::Exec)
    }
}

/// A test of each of these functions for each way, or for those that are named.
macro_rules! by_each_way {
    ($($name:ident),* $(,)?) => {$(
        by_each_way!($name: by_the_socket Socket, by_processes Exec, by_ami Ami, by_ari Ari);
    )*};
    ($name:ident: $($test:ident $way:ident),*) => {
        mod $name {
            use crate::support::Way;

            $(
                #[tokio::test]
                async fn $test() {
                    super::$name(Way::$way).await;
                }
            )*
        }
    };
}

pub(crate) use by_each_way;
