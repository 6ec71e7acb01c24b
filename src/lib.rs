//! Twinspire is an embedded vector-recall database for two-tower recommenders and search.
