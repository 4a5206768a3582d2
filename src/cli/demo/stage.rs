//! What the demo plays with: a temporary station, files to provision, and stand-in devices that end with it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use protocols::mcuboot::{ImageBuilder, Version};
use tempfile::TempDir;

use crate::digest::Digest;
use crate::error::{Error, Kind, Result};

const PROFILE: &str = include_str!("thermostat.yaml");
/// Long enough to see the bars move, short enough not to be waited for.
const APP_LEN: usize = 128 * 1024;

/// One stand-in device and its process.
pub(super) struct Unit {
    child: Child,
    /// Its address, short because commands run in the stage's folder.
    pub(super) address: String,
}

impl Drop for Unit {
    fn drop(&mut self) {
        // It would end with our end of its stdin anyway; waiting for it leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The stage. Units end before their folder goes.
pub(super) struct Stage {
    pub(super) units: Vec<Unit>,
    folder: TempDir,
    program: PathBuf,
}

impl Stage {
    pub(super) fn set_up() -> Result<Stage> {
        let folder = TempDir::with_prefix("hardwire-demo-").map_err(no_stage)?;
        let program = std::env::current_exe().map_err(no_stage)?;
        let stage = Stage { units: Vec::new(), folder, program };
        stage.write_profile()?;
        Ok(stage)
    }

    fn write_profile(&self) -> Result<()> {
        let version = Version { major: 2, minor: 4, revision: 0, build: 0 };
        // No compression and no pattern that a dropped byte could hide in.
        let body: Vec<u8> =
            (0..APP_LEN / 32).flat_map(|n| Digest::sha256(&n.to_le_bytes()).as_bytes().to_vec()).collect();
        let app = ImageBuilder::new(version)
            .build(&body)
            .map_err(|cause| Error::new(Kind::Invalid, "the demo's firmware cannot be made").because(cause))?;
        let ca = "-----BEGIN CERTIFICATE-----\n(a stand-in for one, as long as they are)\n".repeat(24);
        let profile = PROFILE
            .replace("@APP@", &Digest::sha256(&app).to_string())
            .replace("@CA@", &Digest::sha256(ca.as_bytes()).to_string());
        for (name, content) in
            [("app-2.4.0.bin", app), ("ca.pem", ca.into_bytes()), ("thermostat.yaml", profile.into_bytes())]
        {
            std::fs::write(self.path(name), content).map_err(no_stage)?;
        }
        Ok(())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of this very program, at this stage.
    pub(super) fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("HARDWIRE_HOME", self.path("station"))
            .env_remove("HARDWIRE_DEVICE")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Plugs one more unit in.
    pub(super) fn plug_in(&mut self, options: &[&str]) -> Result<()> {
        let name = format!("unit-{}", self.units.len() + 1);
        let (state, link, serial) =
            (format!("{name}.flash"), name.clone(), format!("DEMO-{:04}", self.units.len() + 1));
        let fixed =
            ["stub", "smp", "--json", "--until-stdin-ends", "--state", &state, "--link", &link, "--serial", &serial];
        let line = ["--baud", "921600", "--buf-size", "2048"];
        let mut command = self.command(&[&fixed[..], &line, options].concat());
        // Ctrl-C is for the command at work: a unit that left at the same moment would be a second misfortune.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(no_stage)?;
        let mut ready = String::new();
        let out = child.stdout.take();
        self.units.push(Unit { child, address: format!("tty:./{link}") });
        let read = out.map_or(Ok(0), |out| BufReader::new(out).read_line(&mut ready)).map_err(no_stage)?;
        if read == 0 {
            return Err(Error::new(Kind::Gone, format!("the stand-in device {serial} did not start")));
        }
        Ok(())
    }

    /// Writes a file to play with.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut file = std::fs::File::create(self.path(name)).map_err(no_stage)?;
        file.write_all(content).map_err(no_stage)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn no_stage(cause: std::io::Error) -> Error {
    Error::new(Kind::Storage, "the demo's stage cannot be set up")
        .because(cause)
        .next("see that the temporary folder can be written (TMPDIR names another one)")
}
