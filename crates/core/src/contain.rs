//! Panics of other people's code, contained.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Depth of contained calls on this thread.
    static CONTAINED: Cell<usize> = const { Cell::new(0) };
}

static HOOK: Once = Once::new();

/// Calls code that may panic on bad input, and returns the panic's message instead of unwinding. Nothing is printed: the
/// hook that prints is skipped for panics inside such a call, and called as before for all others.
///
/// What the call left half done must not be used afterwards.
///
/// # Errors
/// Fails with the message of the panic.
pub fn contained<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CONTAINED.get() == 0 {
                previous(info);
            }
        }));
    });
    CONTAINED.set(CONTAINED.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    CONTAINED.set(CONTAINED.get() - 1);
    result.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_later_ones_are_as_before() {
        assert_eq!(contained(|| 7), Ok(7));
        let text = contained(|| -> u8 { panic!("at {}", 7) });
        assert_eq!(text, Err("at 7".to_owned()));
        let nested = contained(|| contained(|| -> u8 { panic!("inner") }));
        assert_eq!(nested, Ok(Err("inner".to_owned())));
        assert_eq!(CONTAINED.get(), 0);
    }
}
