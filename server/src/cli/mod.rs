//! The command line: arguments of `orchwiz ...` and its exit codes. It must not touch data itself: commands ask the
//! running node through its socket, or open the data when none runs.

mod peers;
mod users;

use crate::{
    config::{self, Config},
    openapi, serve,
    terminal::{Failure, USAGE, Where, data, output},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::node::NodeKind;
use std::{ffi::OsString, process::ExitCode};

/// Run, watch and govern AI coding assistants.
#[derive(Parser)]
#[command(name = "orchwiz", version, about, arg_required_else_help = true)]
struct Orchwiz {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve this node
    #[command(after_long_help = settings())]
    Serve(ServeArgs),
    /// The people of this node
    User {
        #[command(subcommand)]
        command: users::UserCommand,
    },
    /// API tokens
    Token {
        #[command(subcommand)]
        command: users::TokenCommand,
    },
    /// The other nodes that this one is paired with
    Peer {
        #[command(subcommand)]
        command: peers::PeerCommand,
    },
    /// Build every table anew from the journal (while no node runs)
    Rebuild(Where),
    /// Check the journal and the tables; fails when something is damaged
    Doctor {
        #[command(flatten)]
        place: Where,
        /// Say it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring the database to this version's schema (while no node runs); `serve` does so by itself
    Migrate(Where),
    /// Print the OpenAPI document of the REST interface
    Openapi,
    /// Own one agent process; the node starts it
    #[command(hide = true, disable_help_flag = true)]
    Shim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// The scripted agent; the node starts it
    #[command(hide = true, disable_help_flag = true)]
    DemoAgent {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Every setting, with its name in the file and in the environment.
fn settings() -> String {
    let lines = config::KEYS
        .iter()
        .map(|key| format!("  {:<22} {:<30} {}", key.name, key.variable(), key.about));
    let intro = format!(
        "Settings, in {} and in the environment; a flag beats the environment, and that the file:",
        config::FILE
    );
    std::iter::once(intro).chain(lines).collect::<Vec<_>>().join("\n")
}

#[derive(Args)]
struct ServeArgs {
    #[command(flatten)]
    place: Where,
    /// The kind of machine: somebody's own, a server, or both at once [default: local]
    #[arg(long, value_enum)]
    kind: Option<KindWord>,
    /// Where to listen; may be given several times [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// How browsers and other nodes reach this node, when not under the address it listens on; may be given several
    /// times, the first is for links
    #[arg(long, value_name = "URL")]
    public_url: Vec<String>,
    /// A reverse proxy that ends TLS stands in front; needs --public-url
    #[arg(long)]
    behind_proxy: bool,
    /// Stop the agents when the node stops
    #[arg(long)]
    stop_agents: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindWord {
    /// Somebody's machine
    Local,
    /// A server, reached by others: needs --public-url and --behind-proxy
    Cloud,
    /// Both at once, perhaps under an address inside and one outside
    Hybrid,
}

impl From<KindWord> for NodeKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Local => Self::Local,
            KindWord::Cloud => Self::Cloud,
            KindWord::Hybrid => Self::Hybrid,
        }
    }
}

impl ServeArgs {
    fn config(self) -> Result<Config, Failure> {
        let mut flags = Vec::new();
        let several = |key, texts: Vec<String>| (!texts.is_empty()).then(|| (key, texts.join(",")));
        flags.extend(
            self.kind
                .map(|kind| ("node.kind", NodeKind::from(kind).word().to_owned())),
        );
        flags.extend(several("listen", self.listen));
        flags.extend(several("public_url", self.public_url));
        flags.extend(self.behind_proxy.then(|| ("behind_proxy", "true".to_owned())));
        flags.extend(self.stop_agents.then(|| ("stop_agents", "true".to_owned())));
        self.place.config(flags)
    }
}

/// The entry point for `main`.
pub fn main() -> ExitCode {
    let parsed = match Orchwiz::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // If even this cannot be written, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(parsed.command) {
        Ok(code) => code,
        Err(failure) => {
            output::error(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Shim { args } => Ok(node::process::shim_main(args)),
        Command::DemoAgent { args } => Ok(node::agents::demo::main(args)),
        Command::Openapi => {
            output::text(openapi::text());
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve(args) => {
            let config = args.config()?;
            block_on(serve::run(config))
        }
        Command::User { command } => block_on(users::user(command)),
        Command::Token { command } => block_on(users::token(command)),
        Command::Peer { command } => block_on(peers::peer(command)),
        Command::Rebuild(place) => block_on(data::rebuild(place)),
        Command::Doctor { place, json } => block_on(data::doctor(place, json)),
        Command::Migrate(place) => block_on(data::migrate(place)),
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    // The rustls provider of this process; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let result = runtime.block_on(work);
    // A task that still blocks must not delay an exit that was announced.
    runtime.shutdown_background();
    result
}
