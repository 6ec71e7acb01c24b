//! Parts of the manifest that a file holds in a section of their own.

use bincode::de::{BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};
use std::ops::{Deref, DerefMut};

/// A part of a structure that is stored in a section of its own: within the packed structure it takes no bytes, and
/// is the default when that is read. So older files, which lack the section, stay readable.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Encode for Apart<T> {
    fn encode<E: Encoder>(&self, _: &mut E) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<T: Default, C> Decode<C> for Apart<T> {
    fn decode<D: Decoder<Context = C>>(_: &mut D) -> Result<Self, DecodeError> {
        Ok(Self(T::default()))
    }
}

impl<'de, T: Default, C> BorrowDecode<'de, C> for Apart<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(_: &mut D) -> Result<Self, DecodeError> {
        Ok(Self(T::default()))
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Apart<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
