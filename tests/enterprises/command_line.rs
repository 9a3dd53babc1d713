//! `novofon-bot enterprise`.
