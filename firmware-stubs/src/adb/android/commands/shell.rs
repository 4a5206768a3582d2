//! What belongs to the shell itself.

use super::super::User;
use super::super::command::{Call, Shell};
use super::number;
use crate::adb::options::Build;
use crate::usb::Stop;
use protocols::adb::message::sync::Follow;

pub(super) fn plain(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    match call.name.as_str() {
        "false" => return 1,
        "exit" => {
            shell.ended = true;
            return call.args.first().and_then(|code| number(code)).map_or(shell.last, |code| code as u8);
        }
        "echo" => {
            let newline = call.args.first().is_none_or(|first| first != b"-n");
            let text = call.args[usize::from(!newline)..].join(&b' ');
            call.out([text.as_slice(), if newline { b"\n" } else { b"" }].concat());
        }
        "printf" => printf(call),
        "cd" => {
            let path = call.args.first().cloned().unwrap_or_else(|| b"/".to_vec());
            match shell.place(&path, Follow::Yes) {
                Ok(place) if place.path.is_dir() => shell.folder = place.name,
                _ => return call.complain([path.as_slice(), b": No such file or directory"].concat()),
            }
        }
        "pwd" => call.line(shell.folder.clone()),
        "id" => call.line(match (shell.system.user, call.args.first().map(Vec::as_slice)) {
            (User::Root, Some(b"-u")) => "0",
            (User::Shell, Some(b"-u")) => "2000",
            (User::Root, _) => "uid=0(root) gid=0(root) groups=0(root) context=u:r:su:s0",
            (User::Shell, _) => {
                "uid=2000(shell) gid=2000(shell) groups=2000(shell),1015(sdcard_rw) context=u:r:shell:s0"
            }
        }),
        "whoami" => call.line(if shell.system.user == User::Root { "root" } else { "shell" }),
        "uname" => call.line(if call.args.is_empty() { "Linux" } else { "Linux localhost 5.15.123-android14 aarch64" }),
        "date" => call.line("1790000000"),
        "env" => {
            for (name, value) in shell.variables.clone() {
                call.line([name.as_bytes(), b"=", &value].concat());
            }
        }
        "which" | "command" => {
            let names: Vec<_> = call.args.iter().filter(|arg| arg.first() != Some(&b'-')).cloned().collect();
            for name in names {
                if !super::knows(shell, &String::from_utf8_lossy(&name)) {
                    return 1;
                }
                call.line([b"/system/bin/".as_slice(), &name].concat());
            }
        }
        _ => {}
    }
    0
}

fn printf(call: &mut Call<'_>) {
    let Some((format, args)) = call.args.split_first() else { return };
    let mut args = args.iter();
    let mut out = Vec::new();
    loop {
        let before = args.len();
        let mut bytes = format.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => match bytes.next() {
                    Some(b'n') => out.push(b'\n'),
                    Some(b't') => out.push(b'\t'),
                    Some(b'0') => out.push(0),
                    other => out.extend(other),
                },
                b'%' => match bytes.next() {
                    Some(b'%') => out.push(b'%'),
                    Some(_) => out.extend(args.next().into_iter().flatten()),
                    None => out.push(b'%'),
                },
                byte => out.push(byte),
            }
        }
        if args.len() == 0 || args.len() == before {
            break;
        }
    }
    call.out(out);
}

/// Commands that run others.
pub(super) fn within(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    match call.name.as_str() {
        "xargs" => return xargs(shell, call),
        "toybox" if !call.args.is_empty() => return nested(shell, call, 0, None),
        _ => {}
    }
    let is_su = call.name == "su";
    if is_su && shell.system.options.build == Build::User {
        call.printed.push((2, b"/system/bin/sh: su: inaccessible or not found\n".to_vec()));
        return Ok(127);
    }
    let before = shell.system.user;
    let mut args = call.args.clone();
    if is_su {
        shell.system.user = User::Root;
        if args.first().is_some_and(|who| who == b"0" || who == b"root") {
            args.remove(0);
        }
    }
    let code = match args.first().map(Vec::as_slice) {
        Some(b"-c") => {
            let outcome = shell.script(args.get(1).map(Vec::as_slice).unwrap_or_default(), call.input)?;
            call.printed.extend(outcome.printed);
            shell.ended = false;
            outcome.code
        }
        Some(_) if is_su => nested(shell, call, call.args.len() - args.len(), None)?,
        _ => {
            let script = call.input.to_vec();
            let outcome = shell.script(&script, &[])?;
            call.printed.extend(outcome.printed);
            shell.ended = false;
            outcome.code
        }
    };
    shell.system.user = before;
    Ok(code)
}

/// Runs the command that stands at `at` among the arguments, with `more` behind it.
fn nested(shell: &mut Shell<'_>, call: &mut Call<'_>, at: usize, more: Option<&[Vec<u8>]>) -> Result<u8, Stop> {
    let mut words: Vec<Vec<u8>> = call.args[at..].to_vec();
    words.extend(more.unwrap_or_default().iter().cloned());
    let name = if words.is_empty() { Vec::new() } else { words.remove(0) };
    let input = if more.is_some() { &[] } else { call.input };
    let name = String::from_utf8_lossy(&name).into_owned();
    let mut inner = Call { name, args: words, input, printed: Vec::new() };
    let code = super::call(shell, &mut inner)?;
    call.printed.extend(inner.printed);
    Ok(code)
}

fn xargs(shell: &mut Shell<'_>, call: &mut Call<'_>) -> Result<u8, Stop> {
    let mut at = 0;
    let (mut zero, mut most) = (false, usize::MAX);
    while let Some(option) = call.args.get(at).filter(|arg| arg.first() == Some(&b'-')) {
        match option.as_slice() {
            b"-0" => zero = true,
            b"-n" => {
                at += 1;
                most = call.args.get(at).and_then(|n| number(n)).unwrap_or(1).max(1) as usize;
            }
            _ => {}
        }
        at += 1;
    }
    let separates = |byte: &u8| if zero { *byte == 0 } else { byte.is_ascii_whitespace() };
    let items: Vec<Vec<u8>> = call.input.split(separates).filter(|item| !item.is_empty()).map(<[u8]>::to_vec).collect();
    if call.args.len() == at {
        call.args.push(b"echo".to_vec());
    }
    let mut code = 0;
    for batch in items.chunks(most.min(4096)) {
        if nested(shell, call, at, Some(batch))? != 0 {
            code = 123;
        }
    }
    Ok(code)
}

pub(super) fn test(shell: &mut Shell<'_>, call: &mut Call<'_>) -> u8 {
    let mut args = call.args.clone();
    if call.name == "[" && args.pop().as_deref() != Some(b"]".as_slice()) {
        call.complain("missing ]");
        return 2;
    }
    let not = args.first().is_some_and(|first| first == b"!");
    if not {
        args.remove(0);
    }
    let is = match args.as_slice() {
        [text] => !text.is_empty(),
        [option, value] => {
            let follow = if matches!(option.as_slice(), b"-L" | b"-h") { Follow::No } else { Follow::Yes };
            let there = shell.place(value, follow).ok().and_then(|place| std::fs::symlink_metadata(place.path).ok());
            match option.as_slice() {
                b"-n" => !value.is_empty(),
                b"-z" => value.is_empty(),
                b"-f" => there.is_some_and(|it| it.is_file()),
                b"-d" => there.is_some_and(|it| it.is_dir()),
                b"-L" | b"-h" => there.is_some_and(|it| it.is_symlink()),
                b"-s" => there.is_some_and(|it| it.len() > 0),
                _ => there.is_some(),
            }
        }
        [a, operator, b] => match operator.as_slice() {
            b"=" | b"==" => a == b,
            b"!=" => a != b,
            b"-eq" => number(a) == number(b),
            b"-ne" => number(a) != number(b),
            b"-gt" => number(a) > number(b),
            b"-lt" => number(a) < number(b),
            _ => false,
        },
        _ => false,
    };
    u8::from(is == not)
}
