"""The keys of the inspect screen."""

from cr_tui.dashboard.keys.key import Key

KEYS = (
    Key("j,down", "next_code", "Code", "choose the code below", "inspect", palette=False),
    Key("k,up", "previous_code", "Code above", "choose the code above", "inspect", footer=False, palette=False),
    Key("l,right", "more", "Move", "move the code's slider on", "inspect", palette=False),
    Key("h,left", "less", "Move back", "move the code's slider back", "inspect", footer=False, palette=False),
    Key("L,shift+right", "far_more", "Far", "move the slider on in larger steps", "inspect", footer=False),
    Key("H,shift+left", "far_less", "Far back", "move the slider back in larger steps", "inspect", footer=False),
    Key("0", "put_back", "Put back", "put the code back to where the sample has it", "inspect", footer=False),
    Key("space,n", "resample", "Sample", "begin from another draw or image", "inspect", "␣"),
    Key("N", "previous_sample", "Sample before", "begin from the draw or image before", "inspect", footer=False),
    Key("i", "dataset", "Images", "begin from images of the dataset, or from draws", "inspect"),
    Key("g", "go_to_sample", "Go to", "begin from a draw or image by its number", "inspect", footer=False),
    Key("z", "redraw_noise", "Noise", "draw the noise anew, the codes stay", "inspect", footer=False),
    Key("left_square_bracket", "previous_checkpoint", "Older", "go to the checkpoint before", "inspect", "[", False),
    Key("right_square_bracket", "next_checkpoint", "Newer", "go to the checkpoint after", "inspect", "]", footer=False),
    Key("R", "reload", "Newest", "read the newest checkpoint", "inspect", footer=False),
    Key("c", "compare", "Compare", "set beside the next marked run, or none", "inspect"),
    Key("plus,equals_sign", "more_steps", "More", "take more steps along each code", "inspect", "+", footer=False),
    Key("minus", "fewer_steps", "Fewer", "take fewer steps along each code", "inspect", "-", footer=False),
    Key("v", "zoom_in", "Zoom", "draw codes larger, so that fewer fit", "inspect"),
    Key("V", "zoom_out", "Zoom out", "draw codes smaller, until all fit", "inspect", footer=False),
    Key("m", "image_mode", "Images as", "show images in another way, or numbers alone", "inspect", footer=False),
    Key("p", "save_png", "PNG", "write the traversals as a picture", "inspect"),
    Key("P", "save_gif", "GIF", "write the traversals as an animation", "inspect", footer=False),
    Key("escape", "back", "Back", "go back", "inspect", "esc", palette=False),
)
