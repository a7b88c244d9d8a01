//! Project Wycheproof's edge cases of RSA, ECDSA and Ed25519 signatures. They are verified by the
//! crates that are compiled in and, in the form for hosts, by `ring`, which is derived from
//! BoringSSL as Envoy uses it.
//!
//! "Acceptable" signatures must be invalid: their only flaw is a PKCS #1 v1.5 digest algorithm
//! without its NULL, which RFC 8017 §9.2 does not allow signers to write.

use ::wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::*;

/// The groups of a file of vectors.
fn groups(file: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(file).unwrap();
    file["testGroups"].as_array().unwrap().clone()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The group's key as a JWK.
fn jwk(group: &Value) -> Value {
    let key = &group["publicKey"];
    match key["curve"].as_str() {
        None => {
            let (n, e) = (bytes(&key["modulus"]), bytes(&key["publicExponent"]));
            json!({"kty": "RSA", "n": base64url(n), "e": base64url(e)})
        }
        Some("edwards25519") => {
            json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes(&key["pk"]))})
        }
        Some(curve) => {
            let curve = curve
                .replace("secp256r1", "P-256")
                .replace("secp384r1", "P-384");
            let point = bytes(&key["uncompressed"]);
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
        }
    }
}

/// The parsed key of the group, which must be the right one.
fn key(group: &Value) -> Rc<VerificationKey> {
    let keys = KeySet::parse(key_set(&[jwk(group)]).as_bytes()).unwrap();
    let key = Rc::clone(&keys.keys()[0]);
    if !matches!(key.material(), KeyMaterial::Ed25519(_)) {
        assert_eq!(key.spki(), bytes(&group["publicKeyDer"]));
    }
    for published in ["publicKeyJwk", "keyJwk"] {
        if group[published].is_object() {
            let mut jwk = group[published].clone();
            jwk.as_object_mut().unwrap().remove("alg");
            let keys = KeySet::parse(key_set(&[jwk]).as_bytes()).unwrap();
            assert_eq!(keys.keys()[0].spki(), key.spki());
        }
    }
    key
}

/// The result of a verification by the host.
fn host_verdict(
    algorithm: Algorithm,
    group: &Value,
    signed: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let (hash, signature) = match HostSignature::new(algorithm, signature) {
        HostSignature::Of { hash, signature } => (hash, signature),
        HostSignature::Malformed => return Some(false),
        HostSignature::NotOffered => return None,
    };
    let is_rsa = group["publicKeyAsn"].is_string();
    let (method, key): (&'static dyn VerificationAlgorithm, _) = match (is_rsa, hash) {
        (true, "sha256") => (&RSA_PKCS1_2048_8192_SHA256, &group["publicKeyAsn"]),
        (true, "sha384") => (&RSA_PKCS1_2048_8192_SHA384, &group["publicKeyAsn"]),
        (true, "sha512") => (&RSA_PKCS1_2048_8192_SHA512, &group["publicKeyAsn"]),
        (false, "sha256") => (&ECDSA_P256_SHA256_ASN1, &group["publicKey"]["uncompressed"]),
        (false, "sha384") => (&ECDSA_P384_SHA384_ASN1, &group["publicKey"]["uncompressed"]),
        _ => unreachable!("{hash}"),
    };
    let key = UnparsedPublicKey::new(method, bytes(key));
    Some(key.verify(signed, &signature).is_ok())
}

/// Verifies each vector of a file. Returns how many signatures are valid and how many invalid.
fn verify_all(algorithm: Algorithm, file: &str) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for group in groups(file) {
        let key = key(&group);
        for test in group["tests"].as_array().unwrap() {
            let (signed, signature) = (bytes(&test["msg"]), bytes(&test["sig"]));
            let holds = test["result"] == "valid";
            let verdict = SoftwareVerifier.verify(algorithm, &key, &signed, &signature);
            assert_eq!(verdict, holds, "{algorithm:?} {test}");
            let host = host_verdict(algorithm, &group, &signed, &signature);
            assert!(
                host.is_none_or(|host| host == holds),
                "host: {algorithm:?} {test}"
            );
            *if holds { &mut good } else { &mut bad } += 1;
        }
    }
    (good, bad)
}

#[test]
fn rsa_pkcs1_signatures_are_verified_correctly() {
    use rsa_pkcs1_verify::TestName::*;
    for (name, algorithm) in [
        (Rsa2048Sha256, Algorithm::Rs256),
        (Rsa2048Sha384, Algorithm::Rs384),
        (Rsa2048Sha512, Algorithm::Rs512),
        (Rsa3072Sha256, Algorithm::Rs256),
        (Rsa3072Sha384, Algorithm::Rs384),
        (Rsa3072Sha512, Algorithm::Rs512),
        (Rsa4096Sha256, Algorithm::Rs256),
        (Rsa4096Sha384, Algorithm::Rs384),
        (Rsa4096Sha512, Algorithm::Rs512),
    ] {
        let (good, bad) = verify_all(algorithm, name.json_data());
        assert!(good >= 7 && bad >= 250, "{name:?} {good} {bad}");
    }
}

#[test]
fn rsa_pss_signatures_are_verified_correctly() {
    use rsa_pss_verify::TestName::*;
    for (name, algorithm) in [
        (RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        let (good, bad) = verify_all(algorithm, name.json_data());
        assert!(good >= 60 && bad >= 40, "{name:?} {good} {bad}");
    }
}

/// RFC 7518 §3.5: the salt has the length of the digest, and the mask uses the same hash.
#[test]
fn rsa_pss_signatures_with_other_parameters_than_those_of_jose_are_invalid() {
    use rsa_pss_verify::TestName::*;
    let (mut good, mut other) = (0, 0);
    for name in [
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss4096Sha512Mgf1SaltLen32,
        RsaPssmisc,
    ] {
        for group in groups(name.json_data()) {
            let (algorithm, digest) = match group["sha"].as_str().unwrap() {
                "SHA-256" => (Algorithm::Ps256, 32),
                "SHA-384" => (Algorithm::Ps384, 48),
                "SHA-512" => (Algorithm::Ps512, 64),
                _ => continue,
            };
            let is_joses = group["sLen"] == digest && group["mgfSha"] == group["sha"];
            let key = key(&group);
            for test in group["tests"].as_array().unwrap() {
                let (signed, signature) = (bytes(&test["msg"]), bytes(&test["sig"]));
                let verdict = SoftwareVerifier.verify(algorithm, &key, &signed, &signature);
                if test["result"] == "valid" {
                    assert_eq!(verdict, is_joses, "{name:?} {test}");
                    *if is_joses { &mut good } else { &mut other } += 1;
                }
            }
        }
    }
    assert!(good == 3 && other > 300, "{good} {other}");
}

#[test]
fn ecdsa_signatures_are_verified_correctly() {
    use ecdsa::TestName::*;
    let es256 = verify_all(Algorithm::Es256, EcdsaSecp256r1Sha256P1363.json_data());
    assert!(es256 >= (170, 85), "{es256:?}");
    let es384 = verify_all(Algorithm::Es384, EcdsaSecp384r1Sha384P1363.json_data());
    assert!(es384 >= (190, 85), "{es384:?}");
}

#[test]
fn ed25519_signatures_are_verified_correctly() {
    let eddsa = verify_all(Algorithm::EdDsa, eddsa::TestName::Ed25519.json_data());
    assert!(eddsa >= (85, 60), "{eddsa:?}");
}
