//! A photo that was sent as text: base64 in every form that programs write. Anything unambiguous is accepted: standard
//! or URL-safe alphabet, with or without padding, with line breaks (MIME), as a data URI. Knows no picture.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Photo;
use super::json::Fault;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The photo's bytes; `None`: the text is empty, so there is no photo.
///
/// # Errors
/// [`Fault`] at `photo`: what was found and what to send.
pub fn read(text: &str) -> Result<Option<Photo>, Fault> {
    let body = without_data_uri(text.trim_ascii())?;
    let mut letters = body.as_bytes().to_vec();
    letters.retain(|byte| !byte.is_ascii_whitespace());
    if letters.is_empty() {
        return Ok(None);
    }
    let url_safe = letters.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    match engine.decode(&letters) {
        Ok(bytes) => Ok(Some(Photo(bytes))),
        Err(error) => Err(not_base64(&error)),
    }
}

/// RFC 2397: `data:image/jpeg;base64,…`.
fn without_data_uri(text: &str) -> Result<&str, Fault> {
    let is_uri = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
    if !is_uri {
        return Ok(text);
    }
    let (head, body) = text.split_once(',').unwrap_or((text, ""));
    let head = head.to_ascii_lowercase();
    if head.ends_with(";base64") && text.contains(',') {
        return Ok(body);
    }
    Err(fault("URI data tanpa \";base64,\"", "a data URI without \";base64,\""))
}

fn not_base64(error: &base64::DecodeError) -> Fault {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol, InvalidLength, InvalidPadding};
    match error {
        InvalidByte(at, _) => {
            let at = at + 1;
            fault(&format!("huruf ke-{at} bukan base64"), &format!("character {at} is not base64"))
        }
        InvalidLength(_) | InvalidLastSymbol { .. } | InvalidPadding => {
            fault("teksnya terpotong di akhir", "its text is cut off at the end")
        }
    }
}

fn fault(id: &str, en: &str) -> Fault {
    Fault::at(
        "photo",
        format!(
            "photo harus berkas JPEG atau PNG dalam base64; {id}. Ubah berkas fotonya ke base64 sekali lagi."
        ),
        format!("photo must be a JPEG or PNG file in base64; {en}. Encode the photo's file again."),
    )
}
