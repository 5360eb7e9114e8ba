"""The window as a host starts it, such as a Hugging Face Space: the same as `pincite chat`.

Address and port come from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT (or PORT), who may use it from PINCITE_AUTH.
"""

import sys

from ui.terminal import main

if __name__ == "__main__":
    main(["chat", *sys.argv[1:]])
