//! Secrets stay secret (K-5), and travel as K-4 has it.

use matrix_key_backup_secret_storage::sharing::{
    AnyOpenRequest, Incoming, ReceivedSecret, SecretRequester, SecretResponder,
};

use crate::support::*;

// K-4: 32 bytes as 43 characters of unpadded base64.
#[test]
fn what_is_sent_is_unpadded_base64() {
    let message = answer();
    let content: serde_json::Value = serde_json::from_str(message.expose_content()).unwrap();
    assert_eq!(content["secret"].as_str().unwrap().len(), 43);
    assert_eq!(content["secret"].as_str(), Some(decryption_key().expose_base64().as_str()));
}

// K-5: `Debug` of whatever holds a secret shows that there is one, and not what it is.
#[test]
fn nothing_prints_a_secret() {
    let mut requester = SecretRequester::new();
    let devices = known_to(BOT);
    let request = requester.request_decryption_key(&ids(&[PHONE]), &devices, &mut rng()).unwrap();
    let secret = decryption_key().expose_base64();
    let content = send(&request.request_id, &secret);
    let accepted = requester.receive_send(&olm(PHONE), &content, &devices).unwrap();
    let shown = format!("{:?} {content:?} {accepted:?} {requester:?}", answer());
    assert!(matches!(accepted.secret, ReceivedSecret::DecryptionKey(_)));
    assert_eq!(shown.matches("redacted").count(), 3, "{shown}");
    assert!(!shown.contains(&*secret) && !shown.contains("7, 7, 7"), "{shown}");
}

fn answer() -> matrix_key_backup_secret_storage::sharing::OlmMessage {
    let mut responder = SecretResponder::new();
    let content = request(BOT, "1", "m.megolm_backup.v1");
    let incoming = responder.receive_request(&in_the_clear(), &content, &known_to(PHONE)).unwrap();
    let Incoming::Request(AnyOpenRequest::DecryptionKey(open)) = incoming else { panic!() };
    responder.answer(open, &decryption_key(), &known_to(PHONE)).unwrap()
}
