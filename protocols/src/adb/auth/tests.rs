use super::*;

const PEM: &str = include_str!("../vectors/adbkey-of-a-test.pem");
const PUBLIC: &str = include_str!("../vectors/adbkey-of-a-test.pub");
const SIGNATURE: &[u8] = include_bytes!("../vectors/adbkey-of-a-test.sig");
const TOKEN: [u8; 20] = *b"twenty bytes of toke";

/// Bytes that are random enough for a test.
fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 32) as u8;
        }
    }
}

#[test]
fn a_key_of_googles_client_is_read_and_used_as_it_would() {
    let key = Key::from_pem(PEM).unwrap();
    let public = key.public().unwrap();
    assert_eq!(public.to_text("tester@bench"), PUBLIC.trim());
    assert_eq!(key.sign(&TOKEN, &mut random()).unwrap(), SIGNATURE);
    assert_eq!(Key::from_pem(&key.to_pem().unwrap()).unwrap().public().unwrap(), public);
    assert_eq!(PublicKey::parse(PUBLIC.as_bytes()).unwrap(), (public.clone(), "tester@bench".to_owned()));
    // What md5sum and sha256sum say of the decoded key.
    assert_eq!(public.fingerprint().replace(':', "").to_ascii_lowercase(), "6505e0ce3c2f7ebd5742147f40005d40");
    assert_eq!(public.sha256(), "8ee5fc585ca0dbdddf569739ccb51564abe897dd13ce4084b8638110672ea863");
    assert_eq!(format!("{key:?}"), "Key");
}

#[test]
fn a_signature_is_good_for_one_token_and_one_key() {
    let public = PublicKey::parse(PUBLIC.as_bytes()).unwrap().0;
    assert!(public.verify(&TOKEN, SIGNATURE));
    assert!(!public.verify(b"another token, 20 by", SIGNATURE));
    assert!(!public.verify(&TOKEN, &SIGNATURE[1..]));
    assert!(!public.verify(&TOKEN, &[]));
    let other = Key::generate(&mut random()).unwrap();
    let signature = other.sign(&TOKEN, &mut random()).unwrap();
    assert!(!public.verify(&TOKEN, &signature));
    assert!(other.public().unwrap().verify(&TOKEN, &signature));
    let text = other.public().unwrap().to_text("a@b");
    assert_eq!(PublicKey::parse(text.as_bytes()).unwrap().0, other.public().unwrap());
}

#[test]
fn what_is_no_key_is_refused() {
    assert_eq!(Key::from_pem("").unwrap_err(), KeyError::Format);
    assert_eq!(Key::from_pem(&PEM.replace("PRIVATE", "PUBLIC")).unwrap_err(), KeyError::Format);
    assert_eq!(Key::from_pem(&PEM[..600]).unwrap_err(), KeyError::Format);
    assert_eq!(PublicKey::parse(b""), Err(PublicKeyError));
    assert_eq!(PublicKey::parse(&[b'A'; 5000]), Err(PublicKeyError));
    // A changed letter in the middle: it is still base64, and no key.
    let mut damaged = PUBLIC.as_bytes().to_vec();
    damaged[100] = if damaged[100] == b'A' { b'B' } else { b'A' };
    assert_eq!(PublicKey::parse(&damaged), Err(PublicKeyError));
}
