local function main(state)
    if state.round == 0 then
        -- Keep same definition, re-run with new state
        process.upgrade(nil, { round = 1 })
    end
    -- Upgrade to new version, passing state
    process.upgrade("app:upgraded_worker", { round = state.round + 1, before = process.id() })
end

return { main = main }
