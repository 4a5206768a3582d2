"""Metadata after the text of libavb's headers, independent of the Rust code."""
import hashlib, struct, sys
def pad(b, n): return b + b'\0' * (-len(b) % n)
def desc(tag, fixed, *texts):
    body = pad(fixed + b''.join(texts), 8)
    return struct.pack('>QQ', tag, len(body)) + body
def hash_desc(name, image, salt):
    digest = hashlib.sha256(salt + image).digest()
    return desc(2, struct.pack('>Q32sIIII60x', len(image), b'sha256', len(name), len(salt), len(digest), 0), name, salt, digest)
def tree_desc(name, size, salt, root):
    return desc(1, struct.pack('>IQQQIIIQQ32sIIII60x', 1, size, size, 4096, 4096, 4096, 2, size + 4096, 8192, b'sha256', len(name), len(salt), len(root), 0), name, salt, root)
def chain_desc(name, location, key):
    return desc(4, struct.pack('>III64x', location, len(name), len(key)), name, key)
def prop_desc(key, value):
    return desc(0, struct.pack('>QQ', len(key), len(value)), key, b'\0', value, b'\0')
def cmdline_desc(text):
    return desc(3, struct.pack('>II', 0, len(text)), text)
def vbmeta(descs, key=b'', algorithm=0, rollback=0, flags=0, location=0, release=b'hardwire vectors 1'):
    d = b''.join(descs)
    aux = pad(d + key, 64)
    hlen = {0: 0, 1: 32, 2: 32, 4: 64}[algorithm]
    sig = {0: 0, 1: 256, 2: 512, 4: 256}[algorithm]
    auth_len = len(pad(b'x' * (hlen + sig), 64)) if algorithm else 0
    header = struct.pack('>4sIIQQIQQQQQQQQQQQII48s80x', b'AVB0', 1, 2, auth_len, len(aux), algorithm,
        0, hlen, hlen, sig, len(d), len(key), len(d) + len(key), 0, 0, len(d), rollback, flags, location, release)
    assert len(header) == 256
    h = {0: b'', 1: hashlib.sha256, 2: hashlib.sha256, 4: hashlib.sha512}[algorithm]
    auth = pad(h(header + aux).digest() + b'\x5a' * sig, 64) if algorithm else b''
    return header + auth + aux
def with_footer(image, meta, size):
    body = pad(image, 4096)
    footer = struct.pack('>4sIIQQQ28x', b'AVBf', 1, 0, len(image), len(body), len(meta))
    return body + meta + b'\0' * (size - len(body) - len(meta) - 64) + footer
key1 = struct.pack('>II', 2048, 0x1234) + b'k' * 64
key2 = struct.pack('>II', 2048, 0x4321) + b'q' * 64
boot = bytes(range(256)) * 12 + b'boot'
boot_meta = vbmeta([hash_desc(b'boot', boot, b'salt'), prop_desc(b'com.android.build.boot.os_version', b'14')], key1, 1, 7)
sysm = vbmeta([tree_desc(b'system', 1 << 20, b'\1' * 32, b'\2' * 32)], key2, 4, 9)
init = b'init_boot image' * 20
top = vbmeta([chain_desc(b'boot', 3, key1), hash_desc(b'init_boot', init, b'\x77' * 32), cmdline_desc(b'root=/dev/dm-0'), chain_desc(b'vbmeta_system', 1, key2)], key1, 2, 1700000000)
out = sys.argv[1]
open(out + '/vbmeta.img', 'wb').write(top + b'\0' * (4096 - len(top)))
open(out + '/vbmeta_system.img', 'wb').write(sysm)
open(out + '/boot.img', 'wb').write(with_footer(boot, boot_meta, 8192))
open(out + '/vbmeta-disabled.img', 'wb').write(vbmeta([chain_desc(b'boot', 3, key1)], flags=3))
open(out + '/init_boot.img', 'wb').write(init)
print('digest', hashlib.sha256(top + boot_meta + sysm).hexdigest())
print('disabled', hashlib.sha256(vbmeta([chain_desc(b'boot', 3, key1)], flags=3)).hexdigest())
print('key1', hashlib.sha256(key1).hexdigest())
print(len(top), len(boot), len(boot_meta))
