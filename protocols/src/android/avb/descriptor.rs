//! What metadata say of partitions.

use super::AvbError;
use super::vbmeta::array;

/// One thing that metadata say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AvbDescriptor")]
pub enum Descriptor {
    /// The digest of a partition's content.
    Hash(HashDescriptor),
    /// The root of a tree of digests over a partition's content.
    Hashtree(HashtreeDescriptor),
    /// A partition that has metadata of its own, and for which key.
    Chain(ChainPartition),
    /// Something else (a property, the kernel's command line): its number.
    Other(u64),
}

/// The digest of a partition's content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AvbHashDescriptor")]
pub struct HashDescriptor {
    /// The partition, without the letter of its slot.
    pub partition: String,
    /// Bytes that are hashed, from the first on.
    pub image_len: u64,
    /// How.
    pub algorithm: HashAlgorithm,
    /// What is hashed before them.
    pub salt: Vec<u8>,
    /// The result.
    pub digest: Vec<u8>,
}

/// The root of a tree of digests over a partition's content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AvbHashtreeDescriptor")]
pub struct HashtreeDescriptor {
    /// The partition, without the letter of its slot.
    pub partition: String,
    /// Bytes that the tree is over, from the first on.
    pub image_len: u64,
    /// How.
    pub algorithm: HashAlgorithm,
    /// What is hashed before each block.
    pub salt: Vec<u8>,
    /// The root.
    pub root: Vec<u8>,
}

/// A partition that has metadata of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "AvbChainPartitionDescriptor")]
pub struct ChainPartition {
    /// The partition, without the letter of its slot.
    pub partition: String,
    /// Which of the unit's counters its rollback index is held against.
    pub rollback_index_location: u32,
    /// The public key that its metadata must be signed for.
    pub public_key: Vec<u8>,
}

/// How a digest was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// One that is not computed here. Untrusted text.
    Other(String),
}

impl HashAlgorithm {
    fn of(field: &[u8]) -> Self {
        match field.split(|byte| *byte == 0).next().unwrap_or_default() {
            b"sha256" => Self::Sha256,
            b"sha512" => Self::Sha512,
            other => Self::Other(String::from_utf8_lossy(other).into_owned()),
        }
    }
}

/// Bytes before what a descriptor says: its number, and how many bytes follow.
const HEAD: usize = 16;

/// Reads all descriptors of a block.
pub(super) fn parse_all(block: &[u8]) -> Result<Vec<Descriptor>, AvbError> {
    let mut descriptors = Vec::new();
    let mut at = 0;
    while at < block.len() {
        let wrong = AvbError::Descriptor { at };
        let head: [u8; HEAD] = array(block, at).ok_or(wrong.clone())?;
        let (tag, len) = head.split_at(8);
        let tag = array(tag, 0).map(u64::from_be_bytes).unwrap_or_default();
        let len = array(len, 0).map(u64::from_be_bytes).unwrap_or_default();
        let body = usize::try_from(len).ok().filter(|len| len.is_multiple_of(8));
        let start = at + HEAD;
        let body = body.and_then(|len| block.get(start..start.checked_add(len)?)).ok_or(wrong)?;
        descriptors.push(parse(tag, Fields { body, at })?);
        at = start + body.len();
    }
    Ok(descriptors)
}

fn parse(tag: u64, fields: Fields<'_>) -> Result<Descriptor, AvbError> {
    Ok(match tag {
        1 => {
            let [partition, salt, root] = fields.texts(164, [88, 92, 96])?;
            Descriptor::Hashtree(HashtreeDescriptor {
                partition: fields.name(partition)?,
                image_len: fields.u64(4)?,
                algorithm: HashAlgorithm::of(fields.body.get(56..88).unwrap_or_default()),
                salt: salt.to_vec(),
                root: root.to_vec(),
            })
        }
        2 => {
            let [partition, salt, digest] = fields.texts(116, [40, 44, 48])?;
            Descriptor::Hash(HashDescriptor {
                partition: fields.name(partition)?,
                image_len: fields.u64(0)?,
                algorithm: HashAlgorithm::of(fields.body.get(8..40).unwrap_or_default()),
                salt: salt.to_vec(),
                digest: digest.to_vec(),
            })
        }
        4 => {
            let [partition, public_key] = fields.texts(76, [4, 8])?;
            Descriptor::Chain(ChainPartition {
                partition: fields.name(partition)?,
                rollback_index_location: fields.u32(0)?,
                public_key: public_key.to_vec(),
            })
        }
        other => Descriptor::Other(other),
    })
}

/// The bytes of a descriptor behind its head.
#[derive(Clone, Copy)]
struct Fields<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn wrong(&self) -> AvbError {
        AvbError::Descriptor { at: self.at }
    }

    fn u32(&self, at: usize) -> Result<u32, AvbError> {
        array(self.body, at).map(u32::from_be_bytes).ok_or(self.wrong())
    }

    fn u64(&self, at: usize) -> Result<u64, AvbError> {
        array(self.body, at).map(u64::from_be_bytes).ok_or(self.wrong())
    }

    /// What follows the fields of fixed length, `start` bytes of them: texts one behind the other, whose lengths are at
    /// `lengths`.
    fn texts<const N: usize>(&self, start: usize, lengths: [usize; N]) -> Result<[&'a [u8]; N], AvbError> {
        let mut texts = [[].as_slice(); N];
        let mut at = start;
        for (text, length) in texts.iter_mut().zip(lengths) {
            let len = self.u32(length)? as usize;
            let end = at.checked_add(len).ok_or(self.wrong())?;
            *text = self.body.get(at..end).ok_or(self.wrong())?;
            at = end;
        }
        Ok(texts)
    }

    /// A partition's name: what a bootloader takes for one, and no more than it has room for.
    fn name(&self, text: &[u8]) -> Result<String, AvbError> {
        /// `AVB_PART_NAME_MAX_SIZE`, its last byte a zero.
        const LONGEST: usize = 31;
        let name = str::from_utf8(text).ok().filter(|name| !name.is_empty() && name.len() <= LONGEST);
        let name = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
        name.map(str::to_owned).ok_or(AvbError::Name { at: self.at })
    }
}
