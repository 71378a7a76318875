//! Sessions, requests and timelines: the owner of all facts.
