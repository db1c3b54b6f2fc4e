//! Waiting for two things at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// What came first.
pub(crate) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Waits for either, and looks at the left one first. The other is dropped.
pub(crate) async fn race<A: Future, B: Future>(left: A, right: B) -> First<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| match left.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(First::Left(value)),
        Poll::Pending => right.as_mut().poll(cx).map(First::Right),
    })
    .await
}

/// Waits for both.
pub(crate) async fn both<A: Future<Output = ()>, B: Future<Output = ()>>(left: A, right: B) {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (mut left_done, mut right_done) = (false, false);
    poll_fn(|cx| {
        left_done = left_done || left.as_mut().poll(cx).is_ready();
        right_done = right_done || right.as_mut().poll(cx).is_ready();
        if left_done && right_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
