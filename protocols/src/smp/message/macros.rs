//! One table a message: its keys, fields and types, from which both directions follow.

/// A structure that travels as a CBOR map. `"key" => field: Type`; what may be missing is an `Option`.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $key:literal => $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl $crate::smp::message::cbor::Value for $name {
            fn encode(&self, w: &mut $crate::smp::message::cbor::Writer) {
                #[allow(unused_imports, reason = "a message may have no keys")]
                use $crate::smp::message::cbor::Value;
                let entries = [$(!Value::is_absent(&self.$field)),*];
                w.map(entries.into_iter().filter(|present: &bool| *present).count());
                $(if !Value::is_absent(&self.$field) {
                    w.text($key);
                    Value::encode(&self.$field, w);
                })*
            }

            fn decode(
                r: &mut $crate::smp::message::cbor::Reader<'_>,
            ) -> Result<Self, $crate::smp::message::cbor::DecodeError> {
                #[allow(unused_imports, reason = "a message may have no keys")]
                use $crate::smp::message::cbor::{DecodeError, Value};
                $(let mut $field: Option<$ty> = None;)*
                r.map(|r, key| match key {
                    $($key => {
                        $field = Some(<$ty as Value>::decode(r).map_err(|error| error.in_key($key))?);
                        Ok(())
                    })*
                    _ => r.skip(),
                })?;
                Ok(Self {
                    $($field: match $field {
                        Some(value) => value,
                        None => <$ty as Value>::absent().ok_or(DecodeError::Missing($key))?,
                    },)*
                })
            }
        }
    };
}

/// A request: a record that knows its group, command, operation, and the type that answers it.
macro_rules! request {
    (
        $(#[$meta:meta])*
        $name:ident = $title:literal, $op:ident $group:ident $id:literal => $reply:ty
        { $($(#[$field_meta:meta])* $key:literal => $field:ident: $ty:ty,)* }
    ) => {
        $crate::smp::message::macros::record! { $(#[$meta])* #[derive(Default)] $name { $($(#[$field_meta])* $key => $field: $ty,)* } }

        impl $crate::smp::message::Request for $name {
            type Reply = $reply;
            const GROUP: $crate::smp::Group = $crate::smp::Group::$group;
            const ID: u8 = $id;
            const OP: $crate::smp::Op = $crate::smp::Op::$op;
            const NAME: &'static str = $title;
        }
    };
}

pub(crate) use {record, request};
