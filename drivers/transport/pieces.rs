//! Cuts a request into pieces, so that after a failure it is known how much of it may have reached the machine. Knows
//! no family and no wire.

/// Size of the first pieces: one packet of a full-speed device, the least that a bulk pipe carries at once without
/// loss.
const FIRST_BYTES: usize = 64;

/// This much of a request is sent in first pieces. The command that moves a card is near the beginning of a job (its
/// settings are a few hundred bytes), so there the loss of one piece must not make thousands of bytes doubtful.
const FINE_BYTES: usize = 1024;

/// The largest piece: bulk data, where the exact position no longer matters. Well below the 4 MiB at which one write
/// fails for lack of kernel memory (seen on Linux's virtual host controller), and below 1 MiB on purpose, because
/// larger pieces are no faster.
const LARGEST_BYTES: usize = 64 * 1024;

/// The pieces of a request, in order.
pub(super) fn pieces(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = request.get(at..).filter(|left| !left.is_empty())?;
        let size = if at < FINE_BYTES { FIRST_BYTES } else { at.min(LARGEST_BYTES) };
        let piece = &left[..size.min(left.len())];
        at += piece.len();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_goes_once_and_the_head_goes_finely() {
        let request: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        for length in [0, 1, 63, 64, 65, 1023, 1024, 1025, 82_845, 300_000] {
            let cut: Vec<&[u8]> = pieces(&request[..length]).collect();
            assert_eq!(cut.concat(), &request[..length]);
            let mut at = 0;
            for piece in cut {
                assert!(!piece.is_empty() && piece.len() <= LARGEST_BYTES);
                assert!(at >= FINE_BYTES || piece.len() <= FIRST_BYTES, "{at}");
                at += piece.len();
            }
        }
    }

    #[test]
    fn a_two_sided_colour_job_takes_few_pieces() {
        assert!(pieces(&vec![0; 4_280_352]).count() < 100);
    }
}
