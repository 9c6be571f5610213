//! Every lesson of the course shows what it says.
