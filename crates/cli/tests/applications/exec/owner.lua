local exec = require("exec")

-- Tells what happens to its program, and whether it may run one at all.
local function main(parent, what)
    if what == "may" then
        local said = {}
        local function try(f)
            local ok, err = pcall(f)
            table.insert(said, ok and "ok" or err:kind() .. ": " .. err:message())
        end
        try(function() exec.get("app:limited") end)
        local executor = exec.get("process:native")
        try(function() executor:exec("true"):start() end)
        try(function() executor:exec("true", { work_dir = "/" }) end)
        try(function() executor:exec("rm -rf nothing") end)
        return said
    end
    local proc = exec.get("process:native"):exec("trap 'echo ended; exit' TERM; echo " .. "$$; while :; do sleep 1; done")
    proc:start()
    process.send(parent, "runs", proc:stdout_stream():read())
    if what == "fails" then error("as asked") end
    if what == "waits" then process.inbox():receive() end
end

return { main = main }
