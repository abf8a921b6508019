"""The marks of a hook's specification and of its implementation."""

import pluggy

hookspec = pluggy.HookspecMarker("flowrun")
hookimpl = pluggy.HookimplMarker("flowrun")
