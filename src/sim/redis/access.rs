//! Who a client is and what it may: AUTH, HELLO, ACL, and the rest of a connection's own
//! commands.

use secrecy::ExposeSecret;

use super::User;
use super::clients::valid_name;
use super::commands::{Found, find};
use super::resp::Reply;
use super::session::{Session, integer, word, wrong_arity};

/// Databases are numbered from 0 (`databases`).
pub const DATABASES: i64 = 16;

fn login(session: &mut Session, user: &[u8], password: &[u8]) -> Result<(), Reply> {
    let user = User::named(user).filter(|user| {
        let known = match user {
            User::Default => &session.redis.password,
            User::Viewer => &session.redis.viewer_password,
        };
        known.expose_secret().as_bytes() == password
    });
    session.user = Some(
        user.ok_or_else(|| Reply::error("WRONGPASS invalid username-password pair or user is disabled."))?,
    );
    Ok(())
}

pub fn auth(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    let done = match args {
        [_, password] => login(session, b"default", password),
        [_, user, password] => login(session, user, password),
        _ => Err(Reply::syntax()),
    };
    done.err().unwrap_or(Reply::OK)
}

pub fn hello(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    match greet(session, args) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn greet(session: &mut Session, args: &[Vec<u8>]) -> Result<Reply, Reply> {
    let mut protocol = session.protocol;
    if args.len() > 1 {
        let asked = integer(args, 1)
            .ok_or_else(|| Reply::error("ERR Protocol version is not an integer or out of range"))?;
        protocol = match asked {
            2 => 2,
            3 => 3,
            _ => return Err(Reply::error("NOPROTO unsupported protocol version")),
        };
    }
    let (mut at, mut user, mut name) = (2, None, None);
    while at < args.len() {
        match (word(args, at).as_str(), args.get(at + 1), args.get(at + 2)) {
            ("auth", Some(who), Some(password)) => {
                user = Some((who, password));
                at += 3;
            }
            ("setname", Some(text), _) => {
                name = Some(valid_name(text)?);
                at += 2;
            }
            _ => {
                let option = String::from_utf8_lossy(&args[at]);
                return Err(Reply::Error(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        }
    }
    if let Some((user, password)) = user {
        login(session, user, password)?;
    }
    if session.user.is_none() {
        return Err(Reply::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    session.protocol = protocol;
    if let Some(name) = name {
        session.name = name;
    }
    let role = if session.is_replica() { "replica" } else { "master" };
    let version = super::info::version(session);
    Ok(Reply::Map(vec![
        (Reply::bulk("server"), Reply::bulk("redis")),
        (Reply::bulk("version"), Reply::bulk(version)),
        (Reply::bulk("proto"), Reply::Int(i64::from(protocol))),
        (Reply::bulk("id"), Reply::Int(session.id as i64)),
        (Reply::bulk("mode"), Reply::bulk("standalone")),
        (Reply::bulk("role"), Reply::bulk(role)),
        (Reply::bulk("modules"), Reply::Array(Vec::new())),
    ]))
}

pub fn quit(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    session.over = true;
    Reply::OK
}

pub fn reset(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    session.user = None;
    session.db = 0;
    session.protocol = 2;
    session.name.clear();
    Reply::Simple("RESET")
}

pub fn ping(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    match args {
        [_] => Reply::Simple("PONG"),
        [_, text] => Reply::bulk(text),
        _ => Reply::error("ERR wrong number of arguments for 'ping' command"),
    }
}

pub fn select(session: &mut Session, args: &[Vec<u8>]) -> Reply {
    match integer(args, 1) {
        Some(db) if (0..DATABASES).contains(&db) => {
            session.db = db as u8;
            Reply::OK
        }
        Some(_) => Reply::error("ERR DB index is out of range"),
        None => Reply::not_an_integer(),
    }
}

pub fn who_am_i(session: &mut Session, _: &[Vec<u8>]) -> Reply {
    Reply::bulk(session.user.map(User::name).unwrap_or_default())
}

/// Whether a user could run a command, without running it.
pub fn dry_run(_: &mut Session, args: &[Vec<u8>]) -> Reply {
    let Some(user) = User::named(&args[2]) else {
        return Reply::Error(format!("ERR User '{}' not found", String::from_utf8_lossy(&args[2])));
    };
    let asked = args.get(3..).unwrap_or_default();
    match find(asked) {
        Found::Error(_) => {
            let name = String::from_utf8_lossy(&args[3]);
            Reply::Error(format!("ERR Command '{name}' not found"))
        }
        Found::Command(command) if !command.takes(asked.len()) => wrong_arity(command),
        Found::Command(command) if command.allowed(user) => Reply::OK,
        Found::Command(command) => {
            Reply::bulk(format!("This user has no permissions to run the '{}' command", command.name))
        }
    }
}
