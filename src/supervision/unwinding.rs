// Supervision rests on catching panics, so a build in which a panic ends the process must not exist. This file
// stands alone, without imports, so that a test can hand it to the compiler by itself.
#[cfg(panic = "abort")]
compile_error!("supervision catches panics: build with panic = \"unwind\", never with panic = \"abort\"");
