local exec = require("exec")

-- Runs a command to its end. Whatever happens, nothing is left behind.
local function run(command)
    local executor = exec.get("process:native")
    local proc
    local function cleanup()
        if proc then proc:close() end
        executor:release()
    end

    -- The result of a call under pcall is its second value.
    local ok, result = pcall(function() return executor:exec(command) end)
    if not ok then
        cleanup()
        return nil, "failed to create process: " .. result
    end
    proc = result

    ok, result = pcall(function() proc:start() end)
    if not ok then
        cleanup()
        return nil, "failed to start process: " .. result
    end

    -- Wait never raises.
    local exit_code, err = proc:wait()
    cleanup()
    return exit_code, err
end

local function main()
    print("true:", run("true"))
    print("exit 3:", run("exit 3"))
    print("a program that is not there:", run("non_existent_command"))
    print("no program at all:", run("  "))
    local ok, err = pcall(exec.get, "app:nothing")
    print("an executor that is not there:", ok, err:kind())
    return true
end

return { main = main }
