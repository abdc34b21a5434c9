//! Reads a body of a request on each line of stdin, and writes what netwatch-sdk makes of it, or why it refuses it.

use netwatch_sdk::types::IngestRequest;
use std::io::{stdin, BufRead};

fn main() {
    for line in stdin().lock().lines() {
        let read: Result<IngestRequest, _> = serde_json::from_str(&line.expect("stdin is UTF-8"));
        let written = match read {
            Ok(request) => serde_json::to_value(request),
            Err(error) => Ok(serde_json::json!({ "refused": error.to_string() })),
        };
        println!("{}", written.expect("what was read can be written"));
    }
}
