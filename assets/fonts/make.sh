#!/bin/sh
# Makes the fonts of this directory from the Debian packages fonts-inter, fonts-jetbrains-mono and
# fonts-noto-core. Needs pyftsubset (python3-fonttools). Run it here; the results are committed.
set -eu
cd "$(dirname "$0")"
share=/usr/share/fonts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Latin, Greek, Cyrillic, punctuation, currency, letter-like, arrows, mathematics, box drawing, shapes.
text=U+0020-024F,U+0259,U+02B0-02FF,U+0300-036F,U+0370-03FF,U+0400-052F,U+1E00-1EFF
text=$text,U+2000-206F,U+2070-209F,U+20A0-20BF,U+2100-214F,U+2150-218F,U+2190-21FF,U+2200-22FF
mono=$text,U+2300-23FF,U+2500-257F,U+2580-259F,U+25A0-25FF,U+2600-26FF,U+2700-27BF,U+2800-28FF,U+E0A0-E0B3,U+FFFD
symbols2=U+2190-21FF,U+2300-23FF,U+25A0-25FF,U+2600-26FF,U+2700-27BF,U+2800-28FF,U+2B00-2BFF,U+1F300-1F6FF,U+1F780-1F7FF,U+1F900-1FAFF
symbols=U+2300-23FF,U+2900-297F,U+29C0-29FF,U+2400-243F,U+2600-26FF

# Inter's digits have different widths; the tabular ones take their place, so that numbers stand in columns.
for weight in Regular SemiBold; do
    /usr/bin/python3 - "$share/opentype/inter/Inter-$weight.otf" "$work/Inter-$weight.otf" <<'PY'
import sys
from fontTools.ttLib import TTFont
font = TTFont(sys.argv[1])
table = font["GSUB"].table
swap = {}
for record in table.FeatureList.FeatureRecord:
    if record.FeatureTag == "tnum":
        for index in record.Feature.LookupListIndex:
            for sub in table.LookupList.Lookup[index].SubTable:
                sub = getattr(sub, "ExtSubTable", sub)
                swap.update(getattr(sub, "mapping", {}))
for cmap in font["cmap"].tables:
    for code in list(cmap.cmap):
        if 0x30 <= code <= 0x39:
            cmap.cmap[code] = swap.get(cmap.cmap[code], cmap.cmap[code])
font.save(sys.argv[2])
PY
    pyftsubset "$work/Inter-$weight.otf" --unicodes="$text,U+25A0-25FF" --output-file="Inter-$weight.otf" \
        --layout-features=kern,mark,mkmk,ccmp,locl,calt --no-hinting --desubroutinize
done
# Bold, italic and both are for terminals.
for style in Regular Bold Italic BoldItalic; do
    pyftsubset "$share/truetype/jetbrains-mono/JetBrainsMono-$style.ttf" --unicodes="$mono" \
        --output-file="JetBrainsMono-$style.ttf" --layout-features=mark,mkmk,ccmp,locl --no-hinting
done
pyftsubset $share/truetype/noto/NotoSansSymbols2-Regular.ttf --unicodes="$symbols2" \
    --output-file=NotoSansSymbols2-Regular.ttf --no-hinting
pyftsubset $share/truetype/noto/NotoSansSymbols-Regular.ttf --unicodes="$symbols" \
    --output-file=NotoSansSymbols-Regular.ttf --no-hinting
pyftsubset $share/truetype/noto/NotoSansMath-Regular.ttf --unicodes="U+27C0-27EF,U+2980-29FF" \
    --output-file=NotoSansMath-Regular.ttf --no-hinting --drop-tables+=MATH
