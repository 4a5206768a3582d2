//! The `hardwire` command.

fn main() -> std::process::ExitCode {
    hardwire::cli::main(std::env::args_os())
}
