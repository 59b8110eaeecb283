//! The forms in which programs print a value.

/// The two alphabets of base64.
pub(super) const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Columns at which lines of base64 are broken: by PEM, and by MIME.
const WIDTHS: [usize; 2] = [64, 76];
/// A piece of base64 that is shorter says too little of the value to be looked for.
const SHORTEST_PIECE: usize = 8;

/// What the encoders of addresses leave as it is beside letters, digits and `-._~`.
const LEFT_IN_URLS: [&str; 4] = ["", "/", "!*'()", ";,/?:@&=+$#!*'()"];

/// Returns every form, the value itself first. Some may be equal.
pub(super) fn of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    let lines: Vec<&str> = value.lines().map(str::trim).collect();
    if lines.len() > 1 {
        forms.extend(lines.iter().map(|line| (*line).to_owned()));
    }
    let json = json(value);
    forms.push(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"));
    forms.push(json.replace('/', "\\/"));
    // JSON in JSON: a line of a log that is itself quoted.
    forms.push(self::json(&json));
    forms.push(json);
    for left in LEFT_IN_URLS {
        let upper = url_encoded(value, left, "%20");
        forms.push(lower_percent(&upper));
        forms.push(upper);
    }
    let form = url_encoded(value, "", "+");
    forms.push(lower_percent(&form));
    forms.push(form);
    forms.push(html(value));
    let hex: String = value.bytes().map(|b| format!("{b:02x}")).collect();
    forms.push(hex.to_uppercase());
    forms.push(hex);
    for alphabet in [STANDARD, FOR_URLS] {
        let coded = base64(value.as_bytes(), alphabet);
        for width in WIDTHS {
            if coded.len() > width {
                let pieces = coded.as_bytes().chunks(width).map(|p| String::from_utf8_lossy(p).into_owned());
                forms.extend(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE));
            }
        }
        forms.push(coded);
        forms.extend(inside_base64(value.as_bytes(), alphabet));
        // `echo secret | base64` codes the end of the line as well.
        forms.push(base64(format!("{value}\n").as_bytes(), alphabet));
    }
    forms
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text is always JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

/// Codes without padding.
pub(super) fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let word = chunk.iter().enumerate().fold(0_u32, |w, (i, b)| w | u32::from(*b) << (16 - 8 * i));
            (0..=chunk.len()).map(move |i| char::from(alphabet[(word >> (18 - 6 * i) & 63) as usize]))
        })
        .collect()
}

/// What a value looks like in the middle of a longer text that was coded, such as `user:password`: for each place at
/// which it may begin, the letters that depend on nothing but the value.
fn inside_base64(value: &[u8], alphabet: &[u8; 64]) -> Vec<String> {
    let inside = (0..3_usize).map(|shift| {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(value);
        let coded = base64(&bytes, alphabet);
        // A letter is six bits: those that share bits with what stands before or after are left out.
        let from = (shift * 8).div_ceil(6);
        let to = (bytes.len() * 8) / 6;
        coded.get(from..to).unwrap_or_default().to_owned()
    });
    inside.filter(|piece| piece.len() >= SHORTEST_PIECE).collect()
}

fn url_encoded(text: &str, left: &str, space: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            b' ' => space.to_owned(),
            _ if left.as_bytes().contains(&b) => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Makes the digits of `%2F` small, and nothing else.
fn lower_percent(encoded: &str) -> String {
    let mut lower = 0;
    encoded
        .chars()
        .map(|c| {
            if c == '%' {
                lower = 2;
                c
            } else if lower > 0 {
                lower -= 1;
                c.to_ascii_lowercase()
            } else {
                c
            }
        })
        .collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
