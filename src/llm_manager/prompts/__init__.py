"""Prompts as templates: text and checked variables to a request, and never anything else.

The rule of this room: pure, and nothing that a template or a variable says is ever run. A template is parsed by Jinja2
and may use a small part of its language (:mod:`.syntax`); what it sees is JSON data, so that there is no object whose
methods it could reach (:mod:`.values`); it is rendered in Jinja2's immutable sandbox, and every loop and filter pays
for its work from a fixed purse (:mod:`.engine`, :mod:`.work`). A variable's value is put in as it stands and is never
read as a template.

A filter is one function and its row in :mod:`.filters`; a type of variables is one row in :mod:`.variable`; a
ready-made template is a module beside :mod:`.anomaly_analysis`, and its name in :mod:`.ready_made`. The front door is
``llm_manager.templates``.
"""
