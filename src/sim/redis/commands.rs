//! The table of commands: name, how many arguments, who may, and what it does. `COMMAND`,
//! access control and the errors derive from it.

use super::resp::Reply;
use super::session::Session;
use super::{User, about, access, clients, config, info, keys, values};

/// Who may run a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rights {
    /// Even who has not said who they are.
    Anyone,
    /// `@read`, `@connection`, and what the viewer was given besides.
    Read,
    /// The master's alone.
    Write,
    Admin,
}

/// One command.
pub struct Command {
    /// With its container: `config|get`.
    pub name: &'static str,
    /// As `COMMAND` tells it: with the command itself; negative: at least so many.
    pub arity: i64,
    pub rights: Rights,
    /// Whether the first argument is a key.
    pub keyed: bool,
    pub summary: &'static str,
    pub since: &'static str,
    pub group: &'static str,
    pub run: fn(&mut Session, &[Vec<u8>]) -> Reply,
}

impl Command {
    pub fn takes(&self, n: usize) -> bool {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        if self.arity < 0 { n >= -self.arity } else { n == self.arity }
    }

    pub fn allowed(&self, user: User) -> bool {
        user == User::Default || matches!(self.rights, Rights::Anyone | Rights::Read)
    }

    pub fn readonly(&self) -> bool {
        self.keyed && self.rights == Rights::Read
    }
}

macro_rules! commands {
    ($($name:literal $arity:literal $rights:ident $keyed:literal $since:literal $group:literal $summary:literal => $run:expr;)*) => {
        /// All commands.
        pub static COMMANDS: &[Command] = &[$(Command {
            name: $name, arity: $arity, rights: Rights::$rights, keyed: $keyed, summary: $summary,
            since: $since, group: $group, run: $run,
        }),*];
    };
}

commands! {
    "auth" -2 Anyone false "1.0.0" "connection" "Authenticate to the server" => access::auth;
    "hello" -1 Anyone false "6.0.0" "connection" "Handshake with Redis" => access::hello;
    "quit" -1 Anyone false "1.0.0" "connection" "Close the connection" => access::quit;
    "reset" 1 Anyone false "6.2.0" "connection" "Reset the connection" => access::reset;
    "ping" -1 Read false "1.0.0" "connection" "Ping the server" => access::ping;
    "echo" 2 Read false "1.0.0" "connection" "Echo the given string" => |_, args| Reply::bulk(&args[1]);
    "select" 2 Read false "1.0.0" "connection" "Change the selected database for the current connection" => access::select;
    "acl|whoami" 2 Read false "6.0.0" "server" "Return the name of the user associated to the current connection" => access::who_am_i;
    "acl|dryrun" -4 Admin false "7.0.0" "server" "Returns whether the user can execute the given command without executing the command." => access::dry_run;
    "client|id" 2 Read false "5.0.0" "connection" "Returns the client ID for the current connection" => clients::id;
    "client|getname" 2 Read false "2.6.9" "connection" "Get the current connection name" => clients::get_name;
    "client|setname" 3 Read false "2.6.9" "connection" "Set the current connection name" => clients::set_name;
    "client|setinfo" 4 Read false "7.2.0" "connection" "Set client or connection specific info" => clients::set_info;
    "client|list" -2 Admin false "2.4.0" "connection" "Get the list of client connections" => clients::list;
    "client|info" 2 Read false "6.2.0" "connection" "Returns information about the current client connection." => clients::info;
    "command" -1 Read false "2.8.13" "server" "Get array of Redis command details" => about::command;
    "command|count" 2 Read false "2.8.13" "server" "Get total number of Redis commands" => about::command_count;
    "command|docs" -2 Read false "7.0.0" "server" "Get array of specific Redis command documentation" => about::command_docs;
    "command|info" -2 Read false "2.8.13" "server" "Get array of specific Redis command details" => about::command_info;
    "config|get" -3 Admin false "2.0.0" "server" "Get the values of configuration parameters" => config::get;
    "cluster|info" 2 Read false "3.0.0" "cluster" "Provides info about Redis Cluster node state" => about::cluster;
    "info" -1 Read false "1.0.0" "server" "Get information and statistics about the server" => info::info;
    "role" 1 Read false "2.8.12" "server" "Return the role of the instance in the context of replication" => about::role;
    "dbsize" 1 Read false "1.0.0" "server" "Return the number of keys in the selected database" => keys::size;
    "flushdb" -1 Write false "1.0.0" "server" "Remove all keys from the current database" => keys::flush;
    "flushall" -1 Write false "1.0.0" "server" "Remove all keys from all databases" => keys::flush;
    "scan" -2 Read false "2.8.0" "generic" "Incrementally iterate the keys space" => keys::scan;
    "keys" 2 Read false "1.0.0" "generic" "Find all keys matching the given pattern" => keys::keys;
    "randomkey" 1 Read false "1.0.0" "generic" "Return a random key from the keyspace" => keys::random;
    "type" 2 Read true "1.0.0" "generic" "Determine the type stored at key" => keys::kind;
    "ttl" 2 Read true "1.0.0" "generic" "Get the time to live for a key in seconds" => keys::ttl;
    "pttl" 2 Read true "2.6.0" "generic" "Get the time to live for a key in milliseconds" => keys::ttl;
    "exists" -2 Read true "1.0.0" "generic" "Determine if a key exists" => keys::exists;
    "expire" -3 Write true "1.0.0" "generic" "Set a key's time to live in seconds" => keys::expire;
    "del" -2 Write true "1.0.0" "generic" "Delete a key" => keys::remove;
    "unlink" -2 Write true "4.0.0" "generic" "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking." => keys::remove;
    "memory|usage" -3 Read true "4.0.0" "server" "Estimate the memory usage of a key" => keys::usage;
    "get" 2 Read true "1.0.0" "string" "Get the value of a key" => values::get;
    "set" -3 Write true "1.0.0" "string" "Set the string value of a key" => values::set;
    "strlen" 2 Read true "2.2.0" "string" "Get the length of the value stored in a key" => values::length;
    "hget" 3 Read true "2.0.0" "hash" "Get the value of a hash field" => values::field;
    "hgetall" 2 Read true "2.0.0" "hash" "Get all the fields and values in a hash" => values::fields;
    "hlen" 2 Read true "2.0.0" "hash" "Get the number of fields in a hash" => values::field_count;
}

/// What a request names.
pub enum Found {
    Command(&'static Command),
    Error(String),
}

/// As `server.c` cuts what it repeats of a request.
const REPEATED_BYTES: usize = 128;

/// The command by its full name.
pub fn named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name)
}

/// The command that a request names.
pub fn find(args: &[Vec<u8>]) -> Found {
    let asked = args.first().map(|a| String::from_utf8_lossy(a)).unwrap_or_default();
    let name = asked.to_ascii_lowercase();
    let prefix = format!("{name}|");
    let plain = named(&name);
    let contains = COMMANDS.iter().any(|c| c.name.starts_with(&prefix));
    match (plain, args.get(1)) {
        (_, Some(sub)) if contains => {
            let sub = String::from_utf8_lossy(sub);
            match named(&format!("{prefix}{}", sub.to_ascii_lowercase())) {
                Some(command) => Found::Command(command),
                None => {
                    let sub: String = sub.chars().take(REPEATED_BYTES).collect();
                    let upper = name.to_ascii_uppercase();
                    Found::Error(format!("ERR unknown subcommand '{sub}'. Try {upper} HELP."))
                }
            }
        }
        (Some(command), _) => Found::Command(command),
        (None, _) if contains => Found::Error(format!("ERR wrong number of arguments for '{name}' command")),
        (None, _) => Found::Error(unknown(args)),
    }
}

fn unknown(args: &[Vec<u8>]) -> String {
    // As C prints it: up to the first NUL.
    let shown = |arg: &[u8], most: usize| {
        let until = arg.iter().position(|b| *b == 0).unwrap_or(arg.len()).min(most);
        String::from_utf8_lossy(&arg[..until]).into_owned()
    };
    let mut rest = String::new();
    for arg in args.iter().skip(1) {
        if rest.len() >= REPEATED_BYTES {
            break;
        }
        rest += &format!("'{}' ", shown(arg, REPEATED_BYTES - rest.len()));
    }
    let name = args.first().map(|a| shown(a, REPEATED_BYTES)).unwrap_or_default();
    format!("ERR unknown command '{name}', with args beginning with: {rest}")
}
