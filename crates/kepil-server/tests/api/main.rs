//! The whole interface of a node, over real HTTP.
