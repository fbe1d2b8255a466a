"""Programs for Neuroglancer's image layers."""

from __future__ import annotations

from ngprecomp.volume.colours import CHANNEL_COLOURS

GREY = """\
#uicontrol invlerp normalized
void main() {
  emitGrayscale(normalized());
}
"""

RGB = """\
void main() {
  emitRGB(vec3(toNormalized(getDataValue(0)), toNormalized(getDataValue(1)), toNormalized(getDataValue(2))));
}
"""


def channels_shader(count: int) -> str:
    """Return a program that adds up channels; each has a range, a colour and a box to hide it.

    Examples
    --------
    >>> print(channels_shader(1))
    #uicontrol invlerp range0(channel=0)
    #uicontrol vec3 color0 color(default="#ff0000")
    #uicontrol bool show0 checkbox(default=true)
    void main() {
      vec3 sum = vec3(0.0);
      if (show0) sum += color0 * range0();
      emitRGB(sum);
    }
    <BLANKLINE>
    """
    controls, terms = [], []
    for channel, rgb in enumerate(CHANNEL_COLOURS[:count]):
        colour = "#" + bytes(int(255 * part) for part in rgb).hex()
        controls += [
            f"#uicontrol invlerp {range_name(channel)}(channel={channel})",
            f'#uicontrol vec3 color{channel} color(default="{colour}")',
            f"#uicontrol bool show{channel} checkbox(default=true)",
        ]
        terms.append(f"  if (show{channel}) sum += color{channel} * {range_name(channel)}();")
    return "\n".join([*controls, "void main() {", "  vec3 sum = vec3(0.0);", *terms, "  emitRGB(sum);", "}", ""])


def range_name(channel: int) -> str:
    """Return the name of the control that holds the range of a channel."""
    return f"range{channel}"
