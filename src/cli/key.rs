//! `hardwire key`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::report::Outcome;

/// Show who this station is to units that ask
///
/// Android asks whoever wants to speak ADB for a key, and its user whether that key is known. Hardwire uses the key of
/// Android's own tools (~/.android/adbkey) where there is one, else one of its own, which it makes. A line wants the public
/// key installed on its units beforehand, at /data/misc/adb/adb_keys.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hardwire key show\n  hardwire key show > adb_keys")]
pub(super) struct KeyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the public key for ADB, and its fingerprint as Android shows it
    #[command(after_help = "Example:\n  hardwire key show --json")]
    Show,
}

#[derive(Serialize)]
struct KeyLine<'a> {
    r#type: &'static str,
    kind: &'static str,
    path: &'a str,
    public: &'a str,
    fingerprint: &'a str,
    sha256: &'a str,
}

impl KeyCommand {
    pub(super) fn run(self, cx: &Context) -> Outcome {
        let Action::Show = self.action;
        let key = cx.keys()?.adb()?;
        let public = key.public().to_text(crate::station::KEY_NAME);
        let (fingerprint, sha256, path) =
            (key.public().fingerprint(), key.public().sha256(), key.path.display().to_string());
        cx.voice.object(&KeyLine {
            r#type: "key",
            kind: "adb",
            path: &path,
            public: &public,
            fingerprint: &fingerprint,
            sha256: &sha256,
        });
        cx.voice.line(&public);
        cx.voice.say(format_args!(
            "key          {path}\nfingerprint  {fingerprint} (MD5, as Android shows it)\nsha256       {sha256}"
        ));
        Ok(Exit::PASSED)
    }
}
