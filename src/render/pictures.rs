//! Pictures inside a face (logos), PNG and JPEG: decoded by `picture_file`, drawn where resvg draws everything else. Must not know cards; reads no file.
//!
//! resvg's own decoders are left out of the build: they bring GIF and WebP along. So the drawing is walked down to its
//! pictures here. A picture must stand by itself: what resvg would have to draw into another picture first (opacity, clip,
//! mask, filter, pattern) is refused when the face is read.

use resvg::usvg::{Group, Image, ImageKind, ImageRendering, Node, Tree};
use tiny_skia::{
    FilterQuality, IntSize, Paint, Pattern, Pixmap, PixmapMut, Rect, SpreadMode, Transform,
};

use super::picture_file::{decode_jpeg, decode_png};

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
    let rgba = match kind {
        ImageKind::PNG(data) => decode_png(data),
        ImageKind::JPEG(data) => decode_jpeg(data),
        _ => return Err(PictureFault::Kind),
    };
    let mut rgba = rgba.ok_or(PictureFault::Broken)?;
    for pixel in rgba.pixels.chunks_exact_mut(4) {
        let alpha = u16::from(pixel[3]);
        for channel in &mut pixel[..3] {
            *channel = ((u16::from(*channel) * alpha + 127) / 255) as u8;
        }
    }
    let size = IntSize::from_wh(rgba.width, rgba.height).ok_or(PictureFault::Broken)?;
    Pixmap::from_vec(rgba.pixels, size).ok_or(PictureFault::Broken)
}
