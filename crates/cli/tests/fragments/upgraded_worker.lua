local function main(state)
    state.after = process.id()
    return state
end

return { main = main }
