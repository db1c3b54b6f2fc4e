local acts = {}

function acts.add(a, b) return a + b end
function acts.nothing() end
function acts.fails() return 1, "went wrong" end
function acts.structured() return nil, errors.new({ message = "busy", kind = errors.CONFLICT, retryable = true }) end
function acts.raises() error("boom") end
function acts.waits(parent)
    process.send(parent, "ready", process.pid())
    return process.listen("go"):receive()
end
function acts.calls(parent) return process.call("app:child_called", "app:processes", "waits", parent) end

return { main = function(act, ...) return acts[act](...) end }
