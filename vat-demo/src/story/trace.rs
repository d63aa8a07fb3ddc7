//! What happens in the vats of the story, and because of what, in one file.

use std::cell::RefCell;
use std::fs::File;
use std::io::{LineWriter, Write as _};
use std::path::Path;
use std::rc::Rc;

use crate::vat::Event;

/// Lines of JSON, each with the vat in which it happened. The numbers are each vat's own.
#[derive(Clone)]
pub(super) struct Trace(Rc<RefCell<LineWriter<File>>>);

impl Trace {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(Self(Rc::new(RefCell::new(LineWriter::new(file)))))
    }

    pub(super) fn note(&self, vat: &str, event: &Event) {
        let event = event.to_string();
        let event = event.strip_prefix('{').unwrap_or(&event);
        let vat = vat.to_ascii_lowercase();
        // The story goes on without its trace.
        let _ = writeln!(self.0.borrow_mut(), r#"{{"vat":"{vat}",{event}"#);
    }
}
