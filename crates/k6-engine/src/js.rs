//! The JavaScript side: runtimes on stacks of their own, and what scripts find in them.

mod anatomy;
mod fiber;
mod group;
mod lazy;
mod memory;
pub(crate) mod modules;
mod native;
mod parse;
mod shared;
mod typescript;
mod vm;
mod vu;

pub use fiber::{Fiber, Job, Outcome};
pub use group::Group;
pub use modules::{Import, Modules, Remote, Unsupported, imports};
pub(crate) use native::{enter, hex_text, md5_of};
pub use shared::{Console, Defaults, Level, Phase, Shared, StopReason};
pub use vu::Vu;
pub(crate) use vu::{SYSTEM_TAGS, system_tag, write};
