local exec = require("exec")

local function main()
    -- Get executor factory
    local executor = exec.get("process:native")

    -- Create a process that processes stdin
    local proc = executor:exec("sort")
    proc:start()

    -- Send data to stdin
    proc:write_stdin("banana\napple\ncherry\n")

    -- Capture sorted output
    local done = channel.new()
    coroutine.spawn(function()
        local stream = proc:stdout_stream()
        local output = ""
        while true do
            local chunk = stream:read()
            if not chunk then break end
            output = output .. chunk
        end
        stream:close()
        done:send(output)
    end)

    -- Get results
    local sorted_output = done:receive()
    done:close()

    proc:wait()
    executor:release()

    return sorted_output
end

return { main = main }
