//! Pictures inside a face (logos), PNG and JPEG: decoded by the crate `image`, drawn where resvg draws everything else. Must not know cards; reads no file.
//!
//! resvg's own decoders are left out of the build: they bring GIF and WebP along. So the drawing is walked down to its
//! pictures here. A picture must stand by itself: what resvg would have to draw into another picture first (opacity, clip,
//! mask, filter, pattern) is refused when the face is read.

use image::{ImageFormat, ImageReader, Limits};
use resvg::usvg::{Group, Image, ImageKind, ImageRendering, Node, Tree};
use tiny_skia::{
    FilterQuality, IntSize, Paint, Pattern, Pixmap, PixmapMut, Rect, SpreadMode, Transform,
};

/// Larger logos than this on a side are no logos.
const SIDE_MAX_PX: u32 = 4096;
/// And no more memory than this is spent on one.
const DECODE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a picture cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureFault {
    /// Neither PNG nor JPEG.
    Kind,
    /// It does not decode, or is too large.
    Broken,
    /// It stands in something that is drawn by itself first.
    Inside,
}

/// Can this be drawn as a picture? `None`: resvg's parser makes nothing of it.
pub(super) fn check(kind: Option<&ImageKind>) -> Result<(), PictureFault> {
    match kind {
        None => Err(PictureFault::Kind),
        Some(ImageKind::SVG(_)) => Ok(()),
        Some(raster) => decode(raster).map(drop),
    }
}

/// Does every picture stand by itself?
pub(super) fn check_places(tree: &Tree) -> Result<(), PictureFault> {
    check_group(tree.root(), false)
}

fn check_group(group: &Group, inside: bool) -> Result<(), PictureFault> {
    for node in group.children() {
        match node {
            Node::Image(image) if is_raster(image) && inside => return Err(PictureFault::Inside),
            Node::Group(inner) => check_group(inner, inside || inner.should_isolate())?,
            Node::Image(_) | Node::Path(_) | Node::Text(_) => {}
        }
        let mut wrong = None;
        node.subroots(|root| wrong = wrong.or(check_group(root, true).err()));
        if let Some(fault) = wrong {
            return Err(fault);
        }
    }
    Ok(())
}

/// Draws a tree with its pictures.
pub(super) fn render(tree: &Tree, place: Transform, into: &mut PixmapMut<'_>) {
    if has_raster(tree.root()) {
        draw_group(tree.root(), place, into);
    } else {
        resvg::render(tree, place, into);
    }
}

/// Only groups on the way to a picture are opened; everything else is resvg's.
fn draw_group(group: &Group, place: Transform, into: &mut PixmapMut<'_>) {
    let place = place.pre_concat(group.transform());
    for node in group.children() {
        match node {
            Node::Image(image) if is_raster(image) => draw(image, place, into),
            Node::Group(inner) if has_raster(inner) => draw_group(inner, place, into),
            other => {
                // resvg moves a node to the corner of its own picture; here it stays where it is.
                if let Some(at) = other.abs_layer_bounding_box() {
                    let _ = resvg::render_node(other, place.pre_translate(at.x(), at.y()), into);
                }
            }
        }
    }
}

fn has_raster(group: &Group) -> bool {
    group.children().iter().any(|node| match node {
        Node::Image(image) => is_raster(image),
        Node::Group(inner) => has_raster(inner),
        Node::Path(_) | Node::Text(_) => false,
    })
}

fn is_raster(image: &Image) -> bool {
    !matches!(image.kind(), ImageKind::SVG(_))
}

fn draw(image: &Image, place: Transform, into: &mut PixmapMut<'_>) {
    // Checked when the face was read.
    let Ok(picture) = decode(image.kind()) else { return };
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let Some(area) = Rect::from_xywh(0.0, 0.0, width, height) else { return };
    if !image.is_visible() {
        return;
    }
    let quality = match image.rendering_mode() {
        ImageRendering::OptimizeQuality | ImageRendering::HighQuality => FilterQuality::Bicubic,
        ImageRendering::Smooth => FilterQuality::Bilinear,
        ImageRendering::OptimizeSpeed | ImageRendering::CrispEdges | ImageRendering::Pixelated => {
            FilterQuality::Nearest
        }
    };
    let shader =
        Pattern::new(picture.as_ref(), SpreadMode::Pad, quality, 1.0, Transform::default());
    into.fill_rect(area, &Paint { shader, ..Paint::default() }, place, None);
}

fn decode(kind: &ImageKind) -> Result<Pixmap, PictureFault> {
    let (data, format) = match kind {
        ImageKind::PNG(data) => (data, ImageFormat::Png),
        ImageKind::JPEG(data) => (data, ImageFormat::Jpeg),
        _ => return Err(PictureFault::Kind),
    };
    let mut reader = ImageReader::with_format(std::io::Cursor::new(data.as_slice()), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX_PX);
    limits.max_image_height = Some(SIDE_MAX_PX);
    limits.max_alloc = Some(DECODE_MAX_BYTES);
    reader.limits(limits);
    let mut rgba = reader.decode().map_err(|_| PictureFault::Broken)?.into_rgba8();
    for pixel in rgba.pixels_mut() {
        let [.., alpha] = pixel.0;
        for channel in &mut pixel.0[..3] {
            *channel = ((u16::from(*channel) * u16::from(alpha) + 127) / 255) as u8;
        }
    }
    let (width, height) = rgba.dimensions();
    let size = IntSize::from_wh(width, height).ok_or(PictureFault::Broken)?;
    Pixmap::from_vec(rgba.into_raw(), size).ok_or(PictureFault::Broken)
}
