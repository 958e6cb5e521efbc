//! Reads and draws each face of a configured product once, before any card needs it, under a deadline: a face may be
//! legal in every part and still take minutes.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use drivers::text::Text;

use super::card::PREVIEW_HEAD;
use super::{Composer, Design, DesignFault};

/// A face is drawn in some hundredths of a second; on the slowest machine under load, in one.
const DEADLINE: Duration = Duration::from_secs(20);

/// A face from the disk.
///
/// # Errors
/// Its faults, or that it cannot be drawn in time. The thread that still draws then is left behind; whoever asked
/// does not start with such a face.
pub fn within_deadline(
    file: &str,
    svg: &str,
    known: &BTreeSet<String>,
) -> Result<Design, Vec<DesignFault>> {
    let (tell, told) = mpsc::channel();
    let (name, text, known) = (file.to_owned(), svg.to_owned(), known.clone());
    let draw = move || {
        let design = Design::parse(&name, &text, &known);
        if let Ok(design) = &design {
            Composer::new().draw_static(design, PREVIEW_HEAD);
        }
        // Nobody listens any more when it took too long.
        let _ = tell.send(design);
    };
    if thread::Builder::new().name("face".into()).spawn(draw).is_ok()
        && let Ok(design) = told.recv_timeout(DEADLINE)
    {
        return design;
    }
    let seconds = DEADLINE.as_secs();
    let words = Text::new(
        format!(
            "Muka kartu ini tidak selesai digambar dalam {seconds} detik. Sederhanakan gambarnya."
        ),
        format!("This face cannot be drawn within {seconds} seconds. Make the drawing simpler."),
    );
    Err(vec![DesignFault { file: file.to_owned(), line: 0, id: String::new(), words }])
}
