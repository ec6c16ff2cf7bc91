//! `Send` where threads exist, nothing where they do not.
//!
//! The engine's futures must move between an executor's threads off the web, and cannot on the
//! web: what a browser hands out (a `fetch`, a `JsValue`) belongs to one thread. These two marker
//! traits let one signature say both.

#[cfg(not(target_arch = "wasm32"))]
mod bounds {
    /// [`Send`], except on wasm32, where every type has it.
    ///
    /// It is implemented for all types that qualify; nobody implements it by hand.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// [`Sync`], except on wasm32, where every type has it.
    ///
    /// It is implemented for all types that qualify; nobody implements it by hand.
    pub trait MaybeSync: Sync {}
    impl<T: Sync + ?Sized> MaybeSync for T {}
}

#[cfg(target_arch = "wasm32")]
mod bounds {
    /// [`Send`], except on wasm32, where every type has it.
    ///
    /// It is implemented for all types that qualify; nobody implements it by hand.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// [`Sync`], except on wasm32, where every type has it.
    ///
    /// It is implemented for all types that qualify; nobody implements it by hand.
    pub trait MaybeSync {}
    impl<T: ?Sized> MaybeSync for T {}
}

pub use bounds::{MaybeSend, MaybeSync};
