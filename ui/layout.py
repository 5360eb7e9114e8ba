"""The parts of the chat window, as they stand on the page; what happens when one is used is in `ui.chat`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from index.documents import SUFFIXES
from ui.desk import SESSION_SECONDS, Desk
from ui.document import opening
from ui.pages import documents_html
from ui.render import header_html, welcome_html
from ui.sources import evidence_html, sources_html
from ui.turns import Turn

_FOLDER = Path(__file__).parent


class Page:
    """The parts of the window, as they stand."""

    def __init__(self, desk: Desk) -> None:
        documents = desk.library.documents()
        self.turns = gr.State([], time_to_live=SESSION_SECONDS)
        self.thumbs = gr.State({}, time_to_live=SESSION_SECONDS)
        self.conversation = gr.State("")
        self.editing = gr.State(0)
        self.linked = gr.State("")
        with gr.Row(elem_id="top"):
            self.header = gr.HTML(header_html(documents, desk.assistant.model), js_on_load=None)
            self.new = gr.Button("New chat", size="sm", elem_id="new", scale=0)
        with gr.Row(elem_id="work"):
            with gr.Column(elem_id="talk"), gr.Tabs(elem_id="views") as self.tabs:
                with gr.Tab("Ask", id="ask", elem_id="ask"):
                    self._ask(desk)
                with gr.Tab("Library", id="library", elem_id="library") as self.library_tab:
                    self._library(desk)
                with gr.Tab("Check a draft", id="check", elem_id="check"):
                    self._check()
                with gr.Tab("History", id="history", elem_id="history") as self.history_tab:
                    self.conversations = gr.HTML("", js_on_load=None, elem_classes="page")
                with gr.Tab("Quality", id="quality", elem_id="quality") as self.quality_tab:
                    self.quality = gr.HTML("", js_on_load=None, elem_classes="page")
            with gr.Column(elem_id="panel"):
                self.reader = gr.HTML(
                    "",
                    elem_id="reader",
                    js_on_load=(_FOLDER / "chat.js").read_text("utf-8"),
                    server_functions=[opening(desk.library)],
                    thumbs={},
                    conversation="",
                    linked="",
                )
                self.sources = gr.HTML(sources_html((), documents), elem_id="sources", js_on_load=None)
                self.evidence = gr.HTML(evidence_html(Turn("")), elem_id="evidence", js_on_load=None)

    def _ask(self, desk: Desk) -> None:
        self.chat = gr.Chatbot(
            label="Conversation",
            show_label=False,
            elem_id="chat",
            container=False,
            buttons=[],
            feedback_options=None,
            group_consecutive_messages=False,
            latex_delimiters=[],
            placeholder=welcome_html(desk.library.documents()),
            examples=examples(desk),
        )
        with gr.Row(elem_id="editing", visible=False) as self.banner:
            self.edited = gr.HTML("", js_on_load=None)
            self.unedit = gr.Button("Cancel", size="sm", scale=0)
        self.box = gr.Textbox(
            label="Question",
            show_label=False,
            container=False,
            placeholder="Ask a question about the library",
            lines=1,
            max_lines=6,
            autofocus=True,
            submit_btn=True,
            elem_id="box",
        )
        with gr.Row(elem_id="choices"):
            self.chosen = gr.Dropdown(
                desk.offered(),
                value=[],
                multiselect=True,
                label="Ask only",
                elem_id="chosen",
                container=True,
                min_width=120,
            )
            self.mode = gr.Dropdown(desk.modes, value=desk.mode, label="Answers are", filterable=False, min_width=120)

    def _library(self, desk: Desk) -> None:
        with gr.Column(elem_classes="page"):
            with gr.Column(visible=desk.may_change, elem_id="add"):
                self.files = gr.File(
                    label="Drop files here, or click to choose them",
                    file_count="multiple",
                    file_types=list(SUFFIXES),
                    elem_id="files",
                    height=120,
                )
                with gr.Row():
                    self.address = gr.Textbox(
                        label="Address of a page or a file", placeholder="https://", max_lines=1, elem_id="address"
                    )
                    self.fetch = gr.Button("Add", size="sm", scale=0, elem_id="fetch")
                    self.refresh = gr.Button("Look again at all files", size="sm", scale=0, elem_id="refresh")
            self.uploads = gr.HTML("", js_on_load=None, elem_id="uploads")
            self.find = gr.Textbox(label="Find a document", max_lines=1, elem_id="find")
            self.documents = gr.HTML(
                documents_html(desk.library.documents(), "", desk.may_change), js_on_load=None, elem_id="documents"
            )

    def _check(self) -> None:
        with gr.Column(elem_classes="page"):
            self.text = gr.Textbox(
                label="Text to check, sentence by sentence",
                placeholder="Paste a draft, or an answer of any other assistant",
                lines=8,
                max_lines=16,
                elem_id="draft",
            )
            with gr.Row():
                self.check = gr.Button("Check", variant="primary", size="sm", scale=0)
                self.open = gr.UploadButton(
                    "Open a file", size="sm", scale=0, file_types=list(SUFFIXES), elem_id="open-draft"
                )
            self.verdicts = gr.HTML("", js_on_load=None, elem_id="verdicts")


def examples(desk: Desk) -> list[Any]:
    return [{"text": example} for example in desk.suggestions()]
