//! A server for tests of the sessions, as simple as Zephyr's is where it matters: strictly in order, one upload at a
//! time, offsets answered rather than checked.

use crate::smp::header::{Group, Header};
use crate::smp::message::{Message, Refusal, Request, codes, encode_refusal, encode_reply, fs, image, os};
use std::collections::BTreeMap;

type Script = Box<dyn FnMut(usize, &Header) -> Option<Vec<u8>>>;

#[derive(Default)]
pub(super) struct Server {
    /// Answers instead of the server, when it likes.
    pub(super) script: Option<Script>,
    /// Longest message that came.
    pub(super) longest: usize,
    pub(super) piece: usize,
    pub(super) image: Vec<u8>,
    pub(super) upload: Option<ImageUpload>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) open: Option<OpenFile>,
    /// Largest message it takes; longer ones are dropped without an answer.
    pub(super) limit: usize,
    /// Takes whole words of this many bytes only, as some bootloaders do.
    pub(super) word: usize,
    pub(super) requests: usize,
}

#[derive(Debug)]
pub(super) struct ImageUpload {
    sha: Vec<u8>,
    len: usize,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    name: String,
    off: usize,
    len: usize,
}

impl Server {
    /// As after a power cut: uploads are forgotten, what is stored is not.
    pub(super) fn restart(&mut self) {
        self.upload = None;
        self.open = None;
    }

    pub(super) fn handle(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let message = Message::parse(message).unwrap();
        if message.header.len as usize + 8 > self.limit {
            return None;
        }
        self.requests += 1;
        self.longest = self.longest.max(message.header.len as usize + 8);
        let header = message.header;
        if let Some(answer) = self.script.as_mut().and_then(|script| script(self.requests, &header)) {
            return Some(answer);
        }
        let reply = if os::Echo::is(&header) {
            let request: os::Echo = message.request().unwrap();
            encode_reply::<os::Echo>(&os::EchoReply { text: request.text.into() }, &header)
        } else if image::Upload::is(&header) {
            let reply = self.image(message.request().unwrap());
            encode_reply::<image::Upload>(&reply, &header)
        } else if fs::Upload::is(&header) {
            match self.file(&message.request().unwrap()) {
                Ok(off) => encode_reply::<fs::Upload>(&fs::UploadReply { off }, &header),
                Err(refusal) => encode_refusal(&refusal, &header),
            }
        } else if fs::Download::is(&header) {
            let request: fs::Download = message.request().unwrap();
            match self.files.get(&request.name) {
                Some(content) => {
                    let off = request.off as usize;
                    let data = &content[off..content.len().min(off + self.piece)];
                    let len = (off == 0).then_some(content.len() as u64);
                    encode_reply::<fs::Download>(
                        &fs::DownloadReply { off: request.off, data: data.into(), len },
                        &header,
                    )
                }
                None => encode_refusal(&Refusal::group(Group::FS, codes::fs::NOT_FOUND), &header),
            }
        } else if fs::Close::is(&header) {
            self.open = None;
            encode_reply::<fs::Close>(&Default::default(), &header)
        } else {
            encode_refusal(&Refusal::common(codes::common::NOT_SUPPORTED), &header)
        };
        Some(reply.unwrap())
    }

    fn image(&mut self, request: image::Upload) -> image::UploadReply {
        let wants = |off: usize| image::UploadReply { off: Some(off as u64), matches: None };
        if request.off == 0 {
            let sha = request.sha.unwrap_or_default().0;
            let known = self.upload.as_ref().is_some_and(|upload| !sha.is_empty() && upload.sha == sha);
            if known && !self.image.is_empty() {
                return wants(self.image.len());
            }
            assert!(
                request.data.len() >= 32.min(request.len.unwrap_or(0) as usize),
                "the first piece holds the header"
            );
            self.image.clear();
            self.upload = Some(ImageUpload { sha, len: request.len.unwrap() as usize });
        }
        let Some(upload) = &self.upload else { return wants(0) };
        if request.off as usize != self.image.len() {
            return wants(self.image.len());
        }
        let mut data = request.data.0;
        if self.word > 1 && self.image.len() + data.len() < upload.len {
            data.truncate(data.len() - data.len() % self.word);
        }
        self.image.extend(data);
        let reply = wants(self.image.len());
        if self.image.len() == upload.len {
            self.upload = None;
            return image::UploadReply { matches: Some(true), ..reply };
        }
        reply
    }

    /// Zephyr's behaviour, its confusion about an upload begun twice included.
    fn file(&mut self, request: &fs::Upload) -> Result<u64, Refusal> {
        if self.open.as_ref().is_none_or(|open| open.name != request.name) {
            self.files.entry(request.name.clone()).or_default();
            self.open = Some(OpenFile { name: request.name.clone(), off: 0, len: 0 });
        }
        let open = self.open.as_mut().unwrap();
        let content = self.files.get_mut(&request.name).unwrap();
        let off = request.off as usize;
        if off == 0 {
            open.len = request.len.unwrap() as usize;
        } else if open.off == 0 {
            open.off = content.len();
        }
        if off > 0 && off != open.off {
            let at = open.off as u64;
            // Forgets the length, so that the end will not be noticed.
            self.open = None;
            return Err(Refusal { at: Some(at), ..Refusal::group(Group::FS, codes::fs::OFFSET_NOT_VALID) });
        }
        if !request.data.is_empty() {
            if off == 0 {
                content.clear();
            }
            content.extend_from_slice(&request.data);
            open.off += request.data.len();
        }
        let answer = open.off as u64;
        if open.len > 0 && open.off >= open.len {
            self.open = None;
        }
        Ok(answer)
    }
}
