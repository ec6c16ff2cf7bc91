#![doc = include_str!("../README.md")]

mod backup_algorithm;
mod forwarded_room_key;
mod ids;
mod key_backup_data;
mod received_room_keys;
mod room_keys;
mod secret_name;
mod secret_storage;

pub use backup_algorithm::{BackupAlgorithmData, BackupAlgorithmDataError};
pub use forwarded_room_key::{ForwardedRoomKey, ForwardedRoomKeyError, NotForwardable};
pub use ids::{room_id_from_ruma, room_id_to_ruma, user_id_from_ruma, user_id_to_ruma};
pub use key_backup_data::{IntegerTooLarge, key_backup_data_from_ruma, key_backup_data_to_ruma};
pub use received_room_keys::{ReceivedRoom, ReceivedRoomKeys};
pub use room_keys::{
    RefusalReason, RefusedEntry, RoomKeyEntry, RoomKeysToRuma, UnreadableEntry, UnreadableReason,
    room_keys_from_ruma, room_keys_to_ruma,
};
pub use secret_name::{shared_secret_from_ruma, shared_secret_to_ruma};
pub use secret_storage::{
    DescribedKeyError, account_data_event_from_ruma, account_data_event_to_ruma,
    default_key_from_ruma, default_key_to_ruma, described_key_from_ruma, described_key_to_ruma,
    secret_content_from_ruma, secret_content_to_ruma,
};
