//! The same service with mistakes that people make.
