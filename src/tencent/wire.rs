//! JSON of the upstream to [`Answer`](crate::usage::Answer) and back.
