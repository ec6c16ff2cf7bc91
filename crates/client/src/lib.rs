//! Authenticated server-side key backup for Matrix (MSC4048): create, upload, restore, merge and migrate
